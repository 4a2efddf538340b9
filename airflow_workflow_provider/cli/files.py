"""Paths that users give: which definitions they mean, and how they are shown."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_workflow_provider.cli.console import UsageError
from airflow_workflow_provider.definitions.library import PACKAGE_SUFFIXES, WORKFLOW_SUFFIXES

_ENDINGS = "*.workflow.yaml, *.package.yaml (or .yml, .json)"


def readable(path: str) -> str:
    """The path in one normal form, always with its folder: files beside it are found by that."""
    normal = str(Path(path))
    return normal if os.sep in normal else f".{os.sep}{normal}"


def place(path: str) -> str:
    """What tells that two paths name one file. A link is a file of its own, as it is for the loader; one to a folder on
    the way to it is followed.
    """
    folder, name = os.path.split(path)
    return str(Path(os.path.realpath(folder), name))


def is_folder(path: str) -> bool:
    """Whether there is a folder; no error for paths that cannot be looked at."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for some of them


def folder_problem(folder: str) -> str | None:
    """Why a folder cannot be searched."""
    try:
        with os.scandir(folder):
            return None
    except OSError as error:
        return f"'{folder}' cannot be read: {error.strerror or error}"


def shown(path: str) -> str:
    """The path as people write it: relative stays relative, without ``./``."""
    return path.removeprefix("." + os.sep)


def is_workflow(path: str) -> bool:
    """Whether the name says that it is a workflow."""
    return path.endswith(WORKFLOW_SUFFIXES)


def is_package(path: str) -> bool:
    """Whether the name says that it is a package."""
    return path.endswith(PACKAGE_SUFFIXES)


def is_definition(path: str) -> bool:
    """Whether the name says that it is one or the other."""
    return is_workflow(path) or is_package(path)


def definition_problem(path: str) -> str | None:
    """Why there can be no definition at ``path``, going by its name."""
    if not os.path.lexists(path):
        return f"there is no file or folder '{path}'"
    if not is_definition(path):
        return f"'{path}' is not named as a definition; expected {_ENDINGS}"
    return None


def no_definitions(folder: str) -> str:
    """The sentence for a folder without any."""
    return f"there are no definitions in '{folder}'; expected {_ENDINGS}"


def workflow_file(path: str) -> str:
    """The readable path of one workflow file; ``UsageError`` if it cannot be one."""
    if is_folder(path):
        raise UsageError(f"'{path}' is a folder; give a workflow file")
    problem = definition_problem(path)
    if problem is None and not is_workflow(path):
        problem = f"'{path}' is a package; give a workflow file"
    if problem is not None:
        raise UsageError(problem)
    return readable(path)
