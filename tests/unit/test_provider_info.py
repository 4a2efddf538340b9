"""What Airflow reads about the package is what its own schema allows."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import airflow_workflow_provider
from airflow_workflow_provider.provider_info import get_provider_info

ROOT = Path(airflow_workflow_provider.__file__).parents[1]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema of the installed Airflow, found without importing Airflow."""
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    schema: dict[str, Any] = json.loads(
        Path(spec.origin).with_name("provider_info.schema.json").read_text(encoding="utf-8")
    )
    return schema


def test_is_valid_for_airflow(schema: dict[str, Any]) -> None:
    jsonschema.validate(get_provider_info(), schema)


def test_uses_only_keys_that_airflow_knows(schema: dict[str, Any]) -> None:
    # The schema lets unknown keys pass, so a misspelled one would be silently without effect.
    assert set(get_provider_info()) - {"versions"} <= set(schema["properties"])


def test_every_module_belongs_to_an_integration() -> None:
    info = get_provider_info()
    integrations = {integration["integration-name"] for integration in info["integrations"]}
    listed = [*info["operators"], *info["hooks"], *info["triggers"]]
    assert {item["integration-name"] for item in listed} <= integrations


def test_every_name_in_it_can_be_found() -> None:
    info = get_provider_info()
    listed = [*info["operators"], *info["hooks"], *info["triggers"]]
    modules = [module for item in listed for module in item["python-modules"]]
    modules += [path.rpartition(".")[0] for path in info["cli"]]
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module
    for path in [*info["extra-links"], *(kind["hook-class-name"] for kind in info["connection-types"])]:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


def test_version_is_the_declared_one() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert declared is not None
    assert get_provider_info()["versions"] == [declared[1]]


def test_airflow_finds_the_plugin() -> None:
    # Airflow leaves the plugins of provider_info alone unless [core] lazy_discover_providers is off.
    (entry,) = {entry for entry in entry_points(group="airflow.plugins") if entry.name == "workflow"}
    assert entry.load().name == "airflow-workflow-provider"
    assert "plugins" not in get_provider_info()
