"""The workflows of a release in 256 groups, so that a release that changes one workflow shares the other 255."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from airflow_workflow_provider.bundles.dag_files import dag_file_name
from airflow_workflow_provider.bundles.facts import FORMAT, facts_of, from_json, key_of, to_json
from airflow_workflow_provider.bundles.layout import DIGITS, ENTRIES
from airflow_workflow_provider.private_files import read_text
from airflow_workflow_provider.store.records import ReleasedWorkflow


class DamagedShardError(Exception):
    """A shard's list of its workflows cannot be read."""


def prefix_of(name: str) -> str:
    """The group of a workflow."""
    return hashlib.sha256(name.encode()).hexdigest()[:DIGITS]


def relative_path(name: str) -> str:
    """Where the DAG file of a workflow is in a release folder."""
    return os.path.join(prefix_of(name), dag_file_name(name))


@dataclass(frozen=True)
class Shard:
    """Some workflows of a release, by name; all have the same prefix."""

    prefix: str
    workflows: Mapping[str, ReleasedWorkflow] = field(default_factory=dict)

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of each workflow's DAG file, by name."""
        return {name: key_of(facts_of(workflow)) for name, workflow in sorted(self.workflows.items())}

    @cached_property
    def name(self) -> str:
        """The folder of the shard: the same for the same files only."""
        content = json.dumps([FORMAT, self.keys])
        return f"{self.prefix}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"

    def changed(self, new: Iterable[ReleasedWorkflow], removed: Iterable[str]) -> Shard:
        """The same with other workflows and without some."""
        workflows = {**self.workflows, **{each.version.name: each for each in new}}
        for name in removed:
            workflows.pop(name, None)
        return Shard(self.prefix, workflows)

    def to_bytes(self) -> bytes:
        """The content of ``entries.json``."""
        return json.dumps([to_json(self.workflows[name]) for name in sorted(self.workflows)]).encode()


def read_shard(folder: str) -> Shard:
    """The workflows of a shard on disk; ``DamagedShardError`` if they are not to be found out."""
    try:
        workflows = [from_json(data) for data in json.loads(read_text(os.path.join(folder, ENTRIES)))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedShardError(f"{folder}: {error}") from error
    return Shard(os.path.basename(folder)[:DIGITS], {each.version.name: each for each in workflows})


def into_shards(workflows: Iterable[ReleasedWorkflow]) -> dict[str, Shard]:
    """Workflows in their groups, by prefix."""
    groups: dict[str, dict[str, ReleasedWorkflow]] = {}
    for workflow in workflows:
        groups.setdefault(prefix_of(workflow.version.name), {})[workflow.version.name] = workflow
    return {prefix: Shard(prefix, group) for prefix, group in groups.items()}
