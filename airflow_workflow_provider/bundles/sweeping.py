"""What no release refers to any more is removed. Only who holds the lock may do it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.bundles.layout import Layout
from airflow_workflow_provider.private_files import make_folder, remove_tree, replace_private

KEPT_SECONDS: Final = 3600.0
"""For that long a process may go on reading what is no longer in use."""
PAUSE_SECONDS: Final = 600.0


def sweep_if_due(layout: Layout) -> None:
    """Sweep unless somebody did lately."""
    if _age(layout.swept) > PAUSE_SECONDS:
        replace_private(layout.swept, b"")
        sweep(layout)


def sweep(layout: Layout) -> None:
    """Remove former newest releases, then shards that no release has, then DAG files that no shard has."""
    tracked = layout.tracked()
    for path in _entries(layout.current):
        if (tracked is None or path != tracked.path) and _age(path) > KEPT_SECONDS:
            _remove(layout, path)
    used = {name for path in layout.release_paths() for name in _links(path)}
    for path in _entries(layout.shards):
        if os.path.basename(path) not in used:
            _remove(layout, path)
    for folder in _entries(layout.objects):
        for path in _entries(folder):
            if _is_unused(path):
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _is_unused(path: str) -> bool:
    """A DAG file that no shard has; a plan without DAG file; an unfinished plan of a process that is gone."""
    stem, extension = os.path.splitext(path)
    try:
        if extension == ".py":
            return os.stat(path).st_nlink == 1
        return not os.path.exists(f"{stem}.py") and (extension == ".plan" or _age(path) > KEPT_SECONDS)
    except OSError:
        return False


def _remove(layout: Layout, path: str) -> None:
    """In one step for all others: nobody finds half of it."""
    make_folder(layout.unfinished)
    away = os.path.join(layout.unfinished, secrets.token_hex(8))
    os.rename(path, away)
    remove_tree(away)


def _links(release: str) -> Iterator[str]:
    """The shards of a release, also of one that Airflow is about to remove."""
    for path in _entries(release):
        with contextlib.suppress(OSError):
            yield os.path.basename(os.readlink(path))


def _entries(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def _age(path: str) -> float:
    """Seconds since something last changed in it; endless if it is not there."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return float("inf")
