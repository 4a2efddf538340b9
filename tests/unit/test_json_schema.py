"""The JSON Schemas are valid, up to date, and agree with the reader on what a definition may look like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from airflow_workflow_provider.cli.main import main
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.json_schema import FOLDER, Kind, json_schema, json_schema_text
from airflow_workflow_provider.definitions.models import Package, Workflow
from airflow_workflow_provider.definitions.rules.package_runs import check_run
from airflow_workflow_provider.definitions.rules.shape import validate

GOLDEN: Final = Path(__file__).parent / "golden"
KINDS: Final[tuple[Kind, ...]] = ("workflow", "package")
WORKFLOW: Final[dict[str, Any]] = {"workflow": "w", "tasks": {"a": {"sql": "SELECT 1"}, "b": {"sql": "SELECT 2"}}}
PACKAGE: Final[dict[str, Any]] = {"package": "p", "run": {"operator": "a.b.C"}}


def load(file: Path) -> Any:
    return parse(file.read_text(encoding="utf-8"), str(file)).data


def problems(kind: Kind, data: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schema(kind)).iter_errors(data)]


@pytest.mark.parametrize("kind", KINDS)
class TestSchema:
    def test_is_a_valid_schema(self, kind: Kind) -> None:
        schema = json_schema(kind)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator.check_schema(schema)

    def test_the_kept_file_is_up_to_date(self, kind: Kind) -> None:
        kept = (FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8")
        assert kept == json_schema_text(kind), "run `make schema`"

    def test_is_what_the_command_prints(self, kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["schema", kind]) == 0
        assert capsys.readouterr().out == json_schema_text(kind)

    def test_explains_every_key(self, kind: Kind) -> None:
        for place, schema in keys(json_schema(kind)):
            assert schema.get("description"), place

    def test_every_reference_leads_somewhere_and_every_definition_is_used(self, kind: Kind) -> None:
        schema = json_schema(kind)
        used = set(references(schema))
        assert used == {f"#/$defs/{name}" for name in schema["$defs"]}

    def test_every_object_of_the_language_refuses_unknown_keys(self, kind: Kind) -> None:
        schema = json_schema(kind)
        for each in (schema, *schema["$defs"].values()):
            if "properties" in each:
                assert each["additionalProperties"] is False


def keys(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, each in {"": schema, **schema["$defs"]}.items():
        for key, value in each.get("properties", {}).items():
            yield f"{name}.{key}", value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_without_an_argument_the_command_prints_the_schema_of_workflows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema("workflow")


def test_accepts_the_whole_language() -> None:
    assert problems("workflow", load(GOLDEN / "schema" / "whole_language.workflow.yaml")) == []
    assert problems("package", load(GOLDEN / "schema" / "publish_promo.package.yaml")) == []


@pytest.mark.parametrize("file", sorted((GOLDEN / "cli" / "definitions").rglob("*.*.*")), ids=lambda file: file.name)
def test_accepts_what_the_command_line_accepts(file: Path) -> None:
    assert problems("workflow" if ".workflow." in file.name else "package", load(file)) == []


WORKFLOW_CHANGES: Final[list[tuple[str, Any]]] = [
    ("workflow", "a b"),
    ("workflow", "a.b-c_1"),
    ("workflow", "x" * 251),
    ("workflow", 1),
    ("workflow", None),
    ("description", None),
    ("description", 3),
    ("owner", ""),
    ("tags", "a"),
    ("tags", ["a", 1]),
    ("tags", []),
    ("schedule", "@daily"),
    ("schedule", 5),
    ("shedule", "@daily"),
    ("start_date", 20260101),
    ("catchup", "yes"),
    ("catchup", True),
    ("catchup", 1),
    ("catchup", None),
    ("max_active_runs", 0),
    ("max_active_runs", "1"),
    ("max_active_runs", None),
    ("outcome", "lenient"),
    ("outcome", "handled"),
    ("variables", {"a": 1, "b": 2.5, "c": "x", "d": True, "e": [1], "f": None}),
    ("variables", {"a-b": 1}),
    ("variables", {"a": {"type": "text"}}),
    ("variables", {"a": {"type": "json", "default": {"x": 1}}}),
    ("variables", {"a": {"typ": "json"}}),
    ("variables", []),
    ("defaults", {"retries": -1}),
    ("defaults", {"retries": 0, "retry_delay": "90s", "timeout": "1d", "pool": "p", "connection": "c"}),
    ("defaults", {"retry_delay": "soon"}),
    ("defaults", {"retry_delay": 60}),
    ("defaults", {"owner": "x"}),
    ("tasks", []),
    ("tasks", {"1a": {"sql": "SELECT 1"}}),
    ("tasks", {"a.b": {"sql": "SELECT 1"}}),
    ("tasks", {"a-b": {"sql": "SELECT 1"}}),
    ("tasks", {"x" * 201: {"sql": "SELECT 1"}}),
    ("tasks", {"a": "SELECT 1"}),
    ("tasks", {"a": None}),
    ("tasks", {"a": {}}),
    ("tasks", {"a": {"sql": "SELECT 1", "package": "p"}}),
    ("tasks", {"a": {"package": "p"}}),
    ("tasks", {"a": {"workflow": "w"}}),
    ("tasks", {"a": {"operator": "Bash"}}),
    ("tasks", {"a": {"operator": "a.b.Bash", "arguments": {"x": [1, {"y": None}]}}}),
    ("tasks", {"a": {"operator": "a.b.Bash", "arguments": ["x"]}}),
    ("tasks", {"a": {"package": "p", "arguments": {}}}),
    ("tasks.b.sql", []),
    ("tasks.b.sql", ""),
    ("tasks.b.sql", [""]),
    ("tasks.b.sql", ["SELECT 1", "SELECT 2"]),
    ("tasks.b.sql", 1),
    ("tasks.b.set", "x"),
    ("tasks.b.set", "x-y"),
    ("tasks.b.set", ["x"]),
    ("tasks.b.set", {}),
    ("tasks.b.set", {"x": "column"}),
    ("tasks.b.set", {"x": None}),
    ("tasks.b.set", {"x": 1}),
    ("tasks.b.on_empty", "skip"),
    ("tasks.b.on_empty", "null"),
    ("tasks.b.on_empty", None),
    ("tasks.b.on_empty", "ignore"),
    ("tasks.b.depends_on", "a"),
    ("tasks.b.depends_on", ["a"]),
    ("tasks.b.depends_on", ["a", "a"]),
    ("tasks.b.depends_on", [1]),
    ("tasks.b.depends_on", {"a": "success"}),
    ("tasks.b.depends_on", {"a": ["completion", "skipped"]}),
    ("tasks.b.depends_on", {"a": []}),
    ("tasks.b.depends_on", {"a": "sucess"}),
    ("tasks.b.depends_on", {"a": None}),
    ("tasks.b.depends_on", {}),
    ("tasks.b.depends_on", []),
    ("tasks.b.depends_on", None),
    ("tasks.b.depends_on", 1),
    ("tasks.b.constraint", "any"),
    ("tasks.b.constraint", "one"),
    ("tasks.b.constraint", None),
    ("tasks.b.if", "vars.x"),
    ("tasks.b.if", ""),
    ("tasks.b.if", True),
    ("tasks.b.variables", {"x": {"any": ["thing"]}}),
    ("tasks.b.variables", {"x y": 1}),
    ("tasks.b.retries", 1),
    ("tasks.b.retries", True),
    ("tasks.b.retries", "1"),
    ("tasks.b.timeout", "PT1H30M"),
    ("tasks.b.timeout", "1.5 h"),
    ("tasks.b.timeout", "-5m"),
    ("tasks.b.pool", ""),
    ("tasks.b.connection", "db"),
    ("tasks.b.connexion", "db"),
]
PACKAGE_CHANGES: Final[list[tuple[str, Any]]] = [
    ("package", "p-1"),
    ("package", "p.1"),
    ("description", "x"),
    ("variables", {"a": {"type": "integer", "required": True}, "b": "email"}),
    ("variables", {"a": {"required": "yes"}}),
    ("run", None),
    ("run", {}),
    ("run.operator", "x"),
    ("run.arguments", {"x": 1}),
    ("run.arguments", None),
    ("run.retries", 1),
    ("tasks", {}),
]


def changed(data: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = deepcopy(dict(data))
    *parents, last = path.split(".")
    place = result
    for parent in parents:
        place = place[parent]
    place[last] = value
    return result


@pytest.mark.parametrize(("path", "value"), WORKFLOW_CHANGES, ids=str)
def test_agrees_with_the_reader_about_workflows(path: str, value: Any) -> None:
    data = changed(WORKFLOW, path, value)
    model, findings = validate(Workflow, data)
    assert (problems("workflow", data) == []) == (model is not None), findings


@pytest.mark.parametrize(("path", "value"), PACKAGE_CHANGES, ids=str)
def test_agrees_with_the_reader_about_packages(path: str, value: Any) -> None:
    data = changed(PACKAGE, path, value)
    model, findings = validate(Package, data)
    findings += check_run(model) if model is not None else []
    assert (problems("package", data) == []) == (findings == []), findings


def test_a_workflow_has_tasks_or_phases() -> None:
    assert problems("workflow", {"workflow": "w"})
    assert problems("workflow", {"workflow": "w", "tasks": {}})
    assert not problems("workflow", {"workflow": "w", "phases": [["a"], ["b", "c"]]})
