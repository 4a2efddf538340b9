"""What a release takes that is not on disk: the nearest one that is, and the shards that differ from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from airflow_workflow_provider.bundles.facts import FORMAT
from airflow_workflow_provider.bundles.layout import Layout, ReleaseFolder
from airflow_workflow_provider.bundles.shards import (
    DamagedShardError,
    Shard,
    into_shards,
    prefix_of,
    read_shard,
    relative_path,
)
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.records import Release, ReleaseChanges, ReleasedWorkflow, Source, Version


class Store(Protocol):
    """What is asked of a store; ``identity`` is never that of another one."""

    @property
    def identity(self) -> str: ...  # noqa: D102
    def newest_release(self) -> Release: ...  # noqa: D102
    def workflows_of(self, number: int, /) -> list[ReleasedWorkflow]: ...  # noqa: D102
    def changes(self, base: int, number: int, /) -> ReleaseChanges: ...  # noqa: D102
    def sources(self, versions: Iterable[Version], /) -> dict[str, Source]: ...  # noqa: D102


@dataclass(frozen=True)
class ReleasePlan:
    """How a release is made: the names of the shards that it keeps of the one before it, by prefix, and the others."""

    kept: dict[str, str]
    shards: list[Shard]
    before: dict[str, str] = field(default_factory=dict)

    def older(self, workflow: str) -> str | None:
        """The shard before the one that will have a workflow, if there was one."""
        return self.before.get(prefix_of(workflow))


def plan_release(layout: Layout, store: Store, number: int) -> ReleasePlan:
    """From the nearest release on disk, if there is one; else from nothing."""
    for before in nearest(layout, number):
        try:
            changes = store.changes(before.number, number) if before.number != number else ReleaseChanges((), ())
            changed = _apply(layout, before, changes)
        except (NotFoundError, DamagedShardError):  # of a store that is now an older backup; of a disk that is bad
            continue
        kept = {prefix: name for prefix, name in before.shards.items() if prefix not in changed}
        return ReleasePlan(kept, [shard for shard in changed.values() if shard.workflows], before.shards)
    return ReleasePlan({}, list(into_shards(store.workflows_of(number)).values()))


def nearest(layout: Layout, number: int) -> Iterator[ReleaseFolder]:
    """Whole releases on disk with DAG files as they are written now, the nearest first; a few are enough."""
    paths = sorted(layout.release_paths(), key=lambda path: (abs(number_of(path) - number), path))
    for path in paths[:5]:
        release = layout.read(path)
        if release is not None and release.format == FORMAT:
            yield release


def changed_files(layout: Layout, before: ReleaseFolder | None, after: ReleaseFolder) -> Iterator[str]:
    """The DAG files of a release that the one before it does not have, by relative path."""
    for prefix, name in after.shards.items():
        old = before.shards.get(prefix) if before else None
        if old != name:
            known = _shard(layout, old).keys if old else {}
            for workflow, key in _shard(layout, name).keys.items():
                if known.get(workflow) != key:
                    yield relative_path(workflow)


def number_of(path: str) -> int:
    """The release that a folder should be; -1 if its name is that of none."""
    number = os.path.basename(path).partition("-")[0]
    return int(number) if number.isdigit() else -1


def _apply(layout: Layout, before: ReleaseFolder, changes: ReleaseChanges) -> dict[str, Shard]:
    new = into_shards(changes.changed)
    removed: dict[str, list[str]] = {}
    for name in changes.removed:
        removed.setdefault(prefix_of(name), []).append(name)
    shards: dict[str, Shard] = {}
    for prefix in new.keys() | removed.keys():
        known = before.shards.get(prefix)
        old = read_shard(layout.shard(known)) if known else Shard(prefix)
        added = new[prefix].workflows.values() if prefix in new else ()
        shards[prefix] = old.changed(added, removed.get(prefix, ()))
    return shards


def _shard(layout: Layout, name: str) -> Shard:
    try:
        return read_shard(layout.shard(name))
    except DamagedShardError:
        return Shard(name[:2])
