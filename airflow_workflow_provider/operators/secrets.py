"""Secrets of a running task: read from an Airflow Variable, and kept out of everything that the task writes."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import structlog
from airflow.configuration import conf
from airflow.sdk import Variable
from airflow.sdk.log import mask_logs, mask_secret

from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.operators.secret_forms import forms


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
    for form in forms(text, shortest):
        mask_secret(form)
        _read.add(form)
    return text


_TELLING: Final = 4
# Quoted parts, to their end or to the end of the line, and what stands in brackets.
_VALUES: Final = re.compile(r"""'(?:[^']|'')*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\([^)]*(?:\)|$)""")
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
    if isinstance(value, bytes):
        for secret in secrets:
            value = value.replace(secret.encode(), b"***")
        return value
    if isinstance(value, Mapping):
        return {_without(secrets, key): _without(secrets, item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):  # a named tuple, as rows are
        return value._make(_without(secrets, item) for item in value)
    if isinstance(value, deque):
        return deque((_without(secrets, item) for item in value), value.maxlen)
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_without(secrets, item) for item in value)
    return value


def problem_without_secrets(value: Any, variable: str, problem: Exception) -> str:
    """Why a variable cannot hold a value; messages show the head of a long one, which no mask knows."""
    if holds_secret(value):
        return f"variable '{variable}' cannot hold the value, which is not shown: it has a secret in it"
    return str(problem)


def error_without_excerpts(error: BaseException) -> str:
    """What a database says of a statement that held a secret, without what it repeats of the statement.

    It may repeat a part of the secret, which no mask knows: of its first line only the words are left, none of the
    values; and those only if they have nothing of the secret in them.
    """
    code = next((str(code) for name in ("sqlstate", "pgcode", "errno") if (code := getattr(error, name, None))), None)
    if code is None and error.args and isinstance(error.args[0], int):
        code = str(error.args[0])
    words = _VALUES.sub("…", without_secrets(str(error.args[-1] if error.args else "")).strip().partition("\n")[0])
    if any(part in words for secret in _read for part in _parts(secret)):
        words = "its message is left out, since it repeats a part of a secret"
    return f"{type(error).__name__}{f' {code}' if code else ''}: {words}"


def _parts(secret: str) -> Iterator[str]:
    """All stretches of it that are long enough to tell something."""
    return (secret[start : start + _TELLING] for start in range(max(len(secret) - _TELLING + 1, 1)))


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
