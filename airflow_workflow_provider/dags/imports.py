"""Classes and functions that definitions name by dotted path, imported with messages that tell what is wrong."""

from __future__ import annotations

import importlib
from functools import cache
from importlib import import_module
from traceback import FrameSummary, extract_tb
from typing import Any, Final

from airflow.sdk import BaseOperator

from airflow_workflow_provider.dags.errors import INTERRUPTIONS, BuildError, words_of
from airflow_workflow_provider.definitions.diagnostics import Location, suggestion

_OF_IMPORTS: Final = (__file__, importlib.__file__)


def operator_class(path: str, where: Location) -> type[BaseOperator]:
    """The operator class at a dotted path; ``where`` the definition names it."""
    try:
        return _known_operator_class(path)
    except INTERRUPTIONS:
        raise
    except BaseException as error:
        raise BuildError(_import_problem(path, error), where) from error


def imported(path: str, where: Location) -> Any:
    """Whatever is at a dotted path; ``where`` the definition names it."""
    try:
        return _resolve(path)
    except INTERRUPTIONS:
        raise
    except BaseException as error:
        raise BuildError(_import_problem(path, error), where) from error


class _UnfitError(Exception):
    """A path that leads to nothing, or to something else; the message says all."""


@cache
def _known_operator_class(path: str) -> type[BaseOperator]:
    cls = _resolve(path)
    if not (isinstance(cls, type) and issubclass(cls, BaseOperator)):
        raise _UnfitError(f"'{path}' is not an operator class")
    return cls


def _resolve(path: str) -> Any:
    module_path, _, name = path.rpartition(".")
    module = import_module(module_path)
    try:
        return getattr(module, name)
    except AttributeError as error:
        if _place(error) not in (None, getattr(module, "__file__", None)):
            raise  # out of what the module imports only now
        known = [item for item in dir(module) if not item.startswith("_")]
        raise _UnfitError(f"'{module_path}' has no '{name}'{suggestion(name, known)}") from None


def _import_problem(path: str, error: BaseException) -> str:
    if isinstance(error, _UnfitError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        reason = f"there is no module '{error.name}'; is its package installed?"
    else:
        words = words_of(error)
        reason = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return f"'{path}' cannot be imported{_shown_place(error)}: {reason}"


def _place(error: BaseException) -> str | None:
    """The file of imported code in which an error was raised; ``None`` if none had been reached."""
    frames = _frames(error)
    return frames[-1].filename if frames else None


def _shown_place(error: BaseException) -> str:
    frames = _frames(error)
    return f" (line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""


def _frames(error: BaseException) -> list[FrameSummary]:
    """Where the error came through, without this file and the machinery of imports."""
    frames = extract_tb(error.__traceback__)
    return [each for each in frames if each.filename not in _OF_IMPORTS and not each.filename.startswith("<frozen ")]
