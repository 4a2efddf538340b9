"""What a command is, as data."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_OUTPUT: Final = "output"
"""Where the form of a result is kept. The name makes Airflow write its own log lines to stderr, so that they cannot
spoil the result; every command that writes JSON has it.
"""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its flags, or its name, and what ``argparse`` is told about it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A command; ``module`` has ``function(arguments, console) -> exit code`` and is imported when it is called.

    One with ``subcommands`` does nothing itself. No square brackets in the texts: Airflow takes them for markup.
    ``needs_airflow``: only in ``airflow workflows``.
    """

    name: str
    help: str
    description: str
    arguments: tuple[Argument, ...] = ()
    module: str = ""
    needs_airflow: bool = False
    function: str = "run"
    subcommands: tuple[Command, ...] = ()


class _SetJson(argparse.Action):
    """``--json``, also where ``--format`` has other choices (Airflow's arguments know no ``const``)."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, "json")


def format_argument(*choices: str, text: str) -> Argument:
    """``--format`` for a command with several forms; the first is the default."""
    options = {"dest": _OUTPUT, "choices": choices, "default": choices[0], "help": f"{text} (default: {choices[0]})"}
    return Argument(("-f", "--format"), options)


JSON: Final = Argument(
    ("--json",), {"dest": _OUTPUT, "action": _SetJson, "default": "text", "help": "write JSON, for programs"}
)
