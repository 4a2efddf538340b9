"""What a DAG file is made from, without its texts: as much as tells whether two of them are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, TypeAlias

from airflow_workflow_provider.store.records import Kind, ReleasedWorkflow, Version

FORMAT: Final = 1
"""Of the DAG files: whatever changes their text raises it, and they are written anew."""

Facts: TypeAlias = Mapping[str, Any]


def facts_of(workflow: ReleasedWorkflow) -> dict[str, Any]:
    """All that is in the DAG file of a workflow but the texts, for which the digests stand."""
    version = workflow.version
    return {
        "name": version.name,
        "version": version.number,
        "author": version.author,
        "message": version.message,
        "published_at": version.published_at.isoformat(),
        "digest": version.digest,
        "packages": {
            name: {"version": package.number, "digest": package.digest}
            for name, package in sorted(workflow.packages.items())
        },
    }


def key_of(facts: Facts) -> str:
    """The same for the same DAG file only."""
    return hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()[:40]


def to_json(workflow: ReleasedWorkflow) -> dict[str, Any]:
    """A workflow of a release as plain JSON."""
    packages = {name: _version_to_json(package) for name, package in workflow.packages.items()}
    return {"version": _version_to_json(workflow.version), "packages": packages}


def from_json(data: Mapping[str, Any]) -> ReleasedWorkflow:
    """The workflow that ``to_json`` was given."""
    packages = {name: _version_from_json(package) for name, package in data["packages"].items()}
    return ReleasedWorkflow(_version_from_json(data["version"]), packages)


def _version_to_json(version: Version) -> dict[str, Any]:
    return asdict(version) | {"kind": version.kind.value, "published_at": version.published_at.isoformat()}


def _version_from_json(data: Mapping[str, Any]) -> Version:
    return Version(**{**data, "kind": Kind(data["kind"]), "published_at": datetime.fromisoformat(data["published_at"])})
