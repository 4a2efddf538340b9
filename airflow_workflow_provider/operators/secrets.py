"""Secrets of a running task: read from an Airflow Variable, and kept out of everything that the task writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import structlog
from airflow.configuration import conf
from airflow.sdk import Variable
from airflow.sdk.log import mask_logs, mask_secret

from airflow_workflow_provider.exceptions import VariableError


def read_secret(key: str) -> str:
    """The text of an Airflow Variable (or of its entry in a secrets backend), masked in logs from now on.

    ``VariableError`` if there is none, or if it is too short for Airflow's masker.
    """
    value = Variable.get(key, default=None)
    if value is None:
        raise VariableError(f"there is no Airflow Variable '{key}', which holds a secret; add it, or mend 'from'")
    text = str(value)
    shortest = conf.getint("logging", "min_length_masked_secret", fallback=5)
    if len(text) < shortest:
        raise VariableError(
            f"the secret in the Airflow Variable '{key}' is shorter than {shortest} characters; Airflow does not keep "
            "one that short out of logs"
        )
    _mask_what_leaves_this_process()
    for form in _forms(text, shortest):
        mask_secret(form)
        _read.add(form)
    return text


def _forms(text: str, shortest: int) -> Iterator[str]:
    """A secret, its lines (programs print line by line, and a key in PEM has many), and how JSON writes it."""
    yield text
    yield from (line for each in text.splitlines() if len(line := each.strip()) >= shortest)
    yield from (json.dumps(text, ensure_ascii=plain)[1:-1] for plain in (True, False))


_read: Final[set[str]] = set()
"""The secrets that this process, which runs one task, has read, in each of their forms."""


def without_secrets(value: Any) -> Any:
    """A result without the secrets that this process has read, as Airflow keeps it in an XCom."""
    return _without(sorted(_read, key=len, reverse=True), value) if _read else value  # one may be a part of another


def _without(secrets: Sequence[str], value: Any) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, dict):
        return {_without(secrets, key): _without(secrets, item) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_without(secrets, item) for item in value)
    return value


def holds_secret(value: Any) -> bool:
    """Whether a value has one of those secrets in it."""
    return bool(without_secrets(value) != value)


@cache
def _mask_what_leaves_this_process() -> None:
    """Mask log lines here already.

    Airflow masks those of a task in its supervisor, where it writes the task's log. LocalExecutor copies them to the
    scheduler's output as well, unmasked (seen in 3.3.2).
    """
    processors = structlog.get_config()["processors"]
    processors.insert(len(processors) - 1, mask_logs)
    for handler in logging.getLogger().handlers:
        formatter = handler.formatter
        if isinstance(formatter, structlog.stdlib.ProcessorFormatter):
            formatter.processors = (*formatter.processors[:-1], mask_logs, formatter.processors[-1])
