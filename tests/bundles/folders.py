"""Releases on disk for tests: folders with a lock, and what is in them."""

from __future__ import annotations

import ast
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from airflow_workflow_provider.bundles.releases import Releases
from airflow_workflow_provider.bundles.shards import relative_path
from airflow_workflow_provider.store.records import Release, ReleaseChanges, ReleasedWorkflow, Source, Version
from airflow_workflow_provider.store.repository import WorkflowStore


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, as Airflow's bundles do it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def releases_in(folder: Path) -> Releases:
    """The releases of a folder, locked by a file beside it."""
    return Releases(str(folder), partial(locked, folder.with_name(f"{folder.name}.lock")))


def tree(folder: Path) -> dict[str, bytes]:
    """All that a DAG processor or a worker sees in a release folder: its Python files, by relative path."""
    return {
        os.path.relpath(Path(place, file), folder): Path(place, file).read_bytes()
        for place, _, files in os.walk(folder, followlinks=True)
        for file in files
        if file.endswith(".py")
    }


def names_in(folder: Path) -> set[str]:
    """What a folder holds."""
    return {path.name for path in folder.iterdir()}


def modes(folder: Path) -> tuple[set[int], set[int]]:
    """Permissions of the folders and of the files below a folder and of itself; links have none."""
    paths = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    folders = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    return folders, {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}


def dag_file(folder: Path, name: str) -> Path:
    return folder / relative_path(name)


def constants(path: Path) -> dict[str, object]:
    """What Python makes of the assignments in a file, without running it."""
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        if statement.targets[0].id.isupper()
    }


class AskedStore:
    """A real store, and what it was asked for."""

    def __init__(self, store: WorkflowStore) -> None:
        self.store = store
        self.asked: list[str] = []
        self.texts: list[str] = []

    def forget(self) -> None:
        """Begin anew."""
        self.asked = []
        self.texts = []

    @property
    def identity(self) -> str:
        return self.store.identity

    def newest_release(self) -> Release:
        self.asked.append("newest")
        return self.store.newest_release()

    def workflows_of(self, number: int, /) -> list[ReleasedWorkflow]:
        self.asked.append(f"workflows {number}")
        return self.store.workflows_of(number)

    def changes(self, base: int, number: int, /) -> ReleaseChanges:
        self.asked.append(f"changes {base} {number}")
        return self.store.changes(base, number)

    def sources(self, versions: Iterable[Version], /) -> dict[str, Source]:
        wanted = list(versions)
        self.asked.append("sources")
        self.texts += [f"{each.name} {each.number}" for each in wanted]
        return self.store.sources(wanted)
