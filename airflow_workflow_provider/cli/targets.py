"""The definition files that the paths of a command name, each once, with the library that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_workflow_provider.cli.console import UsageError
from airflow_workflow_provider.cli.files import (
    definition_problem,
    folder_problem,
    is_folder,
    no_definitions,
    place,
    readable,
)
from airflow_workflow_provider.definitions.library import Library


@dataclass(frozen=True, slots=True)
class Target:
    """One definition file and the folder in which it looks for packages."""

    path: str
    library: Library


@dataclass(frozen=True, slots=True)
class Targets:
    """All files to check; ``folders`` has the paths of those that each folder holds.

    ``module_folders``: the folders that were given, and those of the files that were.
    """

    files: tuple[Target, ...]
    folders: tuple[tuple[str, ...], ...]
    module_folders: tuple[str, ...]


def find_targets(paths: Sequence[str]) -> Targets:
    """What the paths name; ``UsageError`` with a line for each that names nothing."""
    problems: list[str] = []
    folders: list[Library] = []
    singles: list[str] = []
    for path in dict.fromkeys(paths):
        if is_folder(path):
            library = Library(Path(path))
            problem = folder_problem(path)
            if problem or not _definitions(library):
                problems.append(problem or no_definitions(path))
            folders.append(library)
        elif problem := definition_problem(path):
            problems.append(problem)
        else:
            singles.append(readable(path))
    if problems:
        raise UsageError(*problems)
    found = [Target(path, library) for library in folders for path in _definitions(library)]
    found += _with_shared_libraries(singles)
    roots = (*(str(library.root) for library in folders), *map(_folder, singles))
    return Targets(
        _each_once(found),
        tuple(tuple(_definitions(library)) for library in folders),
        tuple(dict.fromkeys(str(Path(root).absolute()) for root in roots)),
    )


def _definitions(library: Library) -> list[str]:
    packages = library.package_files(str(library.root))
    return [stamp.path for stamp in (*library.workflow_files, *packages)]


def _with_shared_libraries(paths: Sequence[str]) -> list[Target]:
    """Files below one folder share its library, so that each package is read once."""
    libraries: dict[str, Library] = {}
    for folder in sorted({_folder(path) for path in paths}):
        above = next((each for each in map(str, Path(folder).parents) if each in libraries and each != "."), None)
        libraries[folder] = libraries[above] if above else Library(Path(folder))
    return [Target(path, libraries[_folder(path)]) for path in paths]


def _folder(path: str) -> str:
    return path.rpartition(os.sep)[0] or os.sep


def _each_once(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple({place(target.path): target for target in reversed(list(targets))}.values())[::-1]
