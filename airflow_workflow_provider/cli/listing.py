"""Lists as people and programs read them."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from airflow_workflow_provider.cli.console import Console

T = TypeVar("T")


def write_list(
    found: Sequence[T],
    arguments: Namespace,
    console: Console,
    *,
    as_json: Callable[[T], Any],
    lines: Callable[[Sequence[T], Console], Iterable[str]],
    nothing: str,
) -> None:
    """Write what was found, with ``--json`` as one document; ``nothing`` is what people are told of an empty list."""
    if arguments.output == "json":
        console.write(json.dumps([as_json(each) for each in found], indent=2))
        return
    for line in lines(found, console):
        console.write(line)
    if not found:
        console.note(nothing)
