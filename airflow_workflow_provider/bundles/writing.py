"""Shards and their DAG files are written; texts are asked for only where nothing on disk has them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from airflow_workflow_provider.bundles.dag_files import dag_file_name, dag_file_text, read_dag_file, sources_in
from airflow_workflow_provider.bundles.errors import BundleError
from airflow_workflow_provider.bundles.facts import facts_of
from airflow_workflow_provider.bundles.layout import ENTRIES, Layout
from airflow_workflow_provider.bundles.shards import Shard
from airflow_workflow_provider.private_files import make_folder, read_text, write_new
from airflow_workflow_provider.store.records import ReleasedWorkflow, Source, Version

Fetch = Callable[[Sequence[Version]], Mapping[str, Source]]

TOGETHER: Final = 2000
"""DAG files whose texts are in memory at one time."""
_NO_LINKS: Final = (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV)


class ShardWriter:
    """Writes shards. ``fetch`` gives sources by digest; ``older`` the shard that had a workflow before, if one did."""

    def __init__(self, layout: Layout, fetch: Fetch, older: Callable[[str], str | None]) -> None:
        self._layout = layout
        self._fetch = fetch
        self._older = older
        self._packages: dict[str, Source] = {}

    def write(self, shards: Iterable[Shard]) -> None:
        """Put each shard in its place; the caller is the only one who writes."""
        for together in self._in_portions(shards):
            missing = [workflow for _, workflows in together for workflow in workflows.values()]
            sources = self._sources(missing)
            for shard, new in together:
                self._write_shard(shard, new, sources)

    def _in_portions(self, shards: Iterable[Shard]) -> Iterator[list[tuple[Shard, dict[str, ReleasedWorkflow]]]]:
        """Shards with those of their workflows whose DAG files do not exist yet."""
        portion: list[tuple[Shard, dict[str, ReleasedWorkflow]]] = []
        count = 0
        for shard in shards:
            new = {
                name: shard.workflows[name]
                for name, key in shard.keys.items()
                if not os.path.exists(self._layout.object(key))
            }
            portion.append((shard, new))
            count += len(new)
            if count >= TOGETHER:
                yield portion
                portion, count = [], 0
        yield portion

    def _sources(self, workflows: Sequence[ReleasedWorkflow]) -> dict[str, Source]:
        """By digest, all that the DAG files of the workflows hold."""
        needed = {each.version.digest: each.version for each in workflows}
        packages = {each.digest: each for workflow in workflows for each in workflow.packages.values()}
        known = {**self._packages, **self._on_disk(workflows)}
        unknown = {digest: each for digest, each in {**needed, **packages}.items() if digest not in known}
        if unknown:
            known |= self._fetch(list(unknown.values()))
        lost = [each for digest, each in unknown.items() if digest not in known]
        if lost:
            raise BundleError(
                f"the store has no text for {lost[0].kind.value} '{lost[0].name}' version {lost[0].number}; "
                "restore its database from a backup"
            )
        self._packages |= {digest: known[digest] for digest in packages}
        return known

    def _on_disk(self, workflows: Iterable[ReleasedWorkflow]) -> dict[str, Source]:
        """What the DAG files before these hold: of many workflows only a package has changed."""
        found: dict[str, Source] = {}
        for workflow in workflows:
            name = workflow.version.name
            shard = self._older(name)
            if shard is None:
                continue
            folder = self._layout.shard(shard)
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                constants = read_dag_file(read_text(os.path.join(folder, dag_file_name(name))))
                found |= {source.digest: source for source in sources_in(constants)}
        return found

    def _write_shard(self, shard: Shard, new: Mapping[str, ReleasedWorkflow], sources: Mapping[str, Source]) -> None:
        folder = make_folder(os.path.join(self._layout.unfinished, shard.name))
        for name, key in shard.keys.items():
            path = os.path.join(folder, dag_file_name(name))
            if name in new:
                write_new(path, _content(new[name], sources))
                _share(path, self._layout.object(key))
            else:
                _take(self._layout.object(key), path)
        write_new(os.path.join(folder, ENTRIES), shard.to_bytes())
        os.rename(folder, self._layout.shard(shard.name))


def _content(workflow: ReleasedWorkflow, sources: Mapping[str, Source]) -> bytes:
    packages = {name: sources[package.digest] for name, package in workflow.packages.items()}
    return dag_file_text(facts_of(workflow), sources[workflow.version.digest], packages).encode()


def _share(path: str, shared: str) -> None:
    """Keep a file that has been written for later shards; where files cannot have two names it is written again."""
    make_folder(os.path.dirname(shared))
    try:
        os.link(path, shared)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise


def _take(shared: str, path: str) -> None:
    try:
        os.link(shared, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with open(shared, "rb") as file:
            write_new(path, file.read())
