"""The definition language as JSON Schema (draft 2020-12), for editors: the models, and what they cannot say.

It agrees with the models on the shape of a definition; what holds between its parts is checked by the rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from airflow_workflow_provider.definitions.models import TASK_NAME, VARIABLE_NAME, Package, Workflow
from airflow_workflow_provider.definitions.package_runs import RUN_KINDS

Kind: TypeAlias = Literal["workflow", "package"]
Schema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).parent / "schemas"

_TITLES: Final = {
    "Defaults": "Defaults",
    "OperatorTask": "Operator task",
    "PackageTask": "Package task",
    "Run": "What the package does",
    "SqlTask": "SQL task",
    "Variable": "Variable",
    "WorkflowTask": "Workflow task",
}

_OUTCOMES: Final[Schema] = {
    "title": "Outcome",
    "description": "What the source must have done. One that did not run has neither failed nor completed.",
    "oneOf": [
        {"const": "success", "description": "It ran and succeeded."},
        {"const": "failure", "description": "It ran and its last attempt failed."},
        {"const": "completion", "description": "It ran: success or failure."},
        {"const": "skipped", "description": "It did not run, for whatever reason, or it skipped itself."},
    ],
}
_OUTCOME: Final[Schema] = {"$ref": "#/$defs/Outcome"}
_SOURCE: Final[Schema] = {"type": "string", "pattern": TASK_NAME, "maxLength": 200}
_EDGES: Final[Schema] = {
    "title": "Edges",
    "description": "The tasks that this one waits for, and the outcomes they must have.",
    "anyOf": [
        {**_SOURCE, "description": "A task that must succeed."},
        {
            "type": "array",
            "description": "Tasks that must succeed.",
            "items": _SOURCE,
            "uniqueItems": True,
        },
        {
            "type": "object",
            "description": "For each task the outcome, or a list of outcomes, that it must have.",
            "propertyNames": {"pattern": TASK_NAME, "maxLength": 200},
            "additionalProperties": {
                "anyOf": [_OUTCOME, {"type": "array", "items": _OUTCOME, "minItems": 1}],
            },
        },
    ],
    "examples": ["load", ["load", "check"], {"load": "failure"}, {"load": ["completion", "skipped"]}],
}
_TASK: Final[Schema] = {
    "title": "Task",
    "description": "It has exactly one of `sql`, `package`, `workflow` and `operator`: what it does.",
    "type": "object",
    "oneOf": [
        {"$ref": "#/$defs/SqlTask"},
        {"$ref": "#/$defs/PackageTask"},
        {"$ref": "#/$defs/WorkflowTask"},
        {"$ref": "#/$defs/OperatorTask"},
    ],
}
_EXAMPLES: Final[Mapping[tuple[str, str], list[Any]]] = {
    ("Workflow", "schedule"): ["30 23 * * *", "@daily"],
    ("Workflow", "start_date"): ["2026-01-01"],
    ("SqlTask", "sql"): ["SELECT id FROM campaigns WHERE launch_date = :ds", "load.sql"],
    ("OperatorTask", "operator"): ["airflow.providers.standard.operators.bash.BashOperator"],
    ("Run", "operator"): ["airflow.providers.standard.operators.bash.BashOperator"],
}
# The short and the long form of a key: the models make one of them before they check it.
_STATEMENT: Final[Schema] = {"type": "string", "minLength": 1}
_SHAPES: Final[Mapping[tuple[str, str], Schema]] = {
    ("SqlTask", "sql"): {"anyOf": [_STATEMENT, {"type": "array", "items": _STATEMENT, "minItems": 1}]},
    ("SqlTask", "set"): {
        "anyOf": [
            {
                "type": "string",
                "pattern": VARIABLE_NAME,
                "maxLength": 200,
                "description": "The variable that gets the first column.",
            },
            {
                "type": "object",
                "description": "For each variable the column that it gets.",
                "propertyNames": {"pattern": VARIABLE_NAME, "maxLength": 200},
                "additionalProperties": {"type": ["string", "null"]},
                "minProperties": 1,
            },
            {"type": "null"},
        ]
    },
}
_DURATIONS: Final = ("retry_delay", "timeout")


def json_schema(kind: Kind) -> Schema:
    """The JSON Schema of workflow or package definitions."""
    model = Workflow if kind == "workflow" else Package
    made = model.model_json_schema(by_alias=True, mode="validation")
    definitions = {name: _model(name, schema) for name, schema in made.pop("$defs", {}).items()}
    top = _model(model.__name__, made)
    if kind == "package":
        definitions["Run"]["oneOf"] = [{"required": [each]} for each in RUN_KINDS]
    if kind == "workflow":
        definitions |= {"Edges": _EDGES, "Outcome": _OUTCOMES, "Task": _TASK}
        _complete_workflow(top)
    return {
        "$schema": DIALECT,
        "title": f"{kind.capitalize()} definition",
        **{key: top[key] for key in ("description", "type", "properties", "required") if key in top},
        **{key: top[key] for key in ("additionalProperties", "anyOf") if key in top},
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def json_schema_text(kind: Kind) -> str:
    """The same as text: what ``schemas/*.schema.json`` hold."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _complete_workflow(schema: Schema) -> None:
    """Tasks or phases, and at least one task."""
    tasks = schema["properties"]["tasks"]
    schema["properties"]["tasks"] = {
        "description": tasks["description"],
        "type": "object",
        "propertyNames": {"pattern": TASK_NAME, "maxLength": 200},
        "additionalProperties": {"$ref": "#/$defs/Task"},
        "minProperties": 1,
    }
    schema["anyOf"] = [{"required": ["tasks"]}, {"required": ["phases"]}]


def _model(name: str, schema: Schema) -> Schema:
    properties = {key: _property(name, key, each) for key, each in schema["properties"].items()}
    return {**schema, "title": _TITLES.get(name, name), "properties": properties}


def _property(model: str, name: str, schema: Schema) -> Schema:
    """One key: its description first, no titles that repeat its name, no default that says "nothing"."""
    if name == "depends_on":
        return {"description": schema["description"], "$ref": "#/$defs/Edges"}
    plain = _plain({key: value for key, value in schema.items() if key != "title"})
    if (model, name) in _SHAPES:
        plain = {"description": plain["description"], **_SHAPES[model, name]}
    if plain.get("default", ...) is None:
        del plain["default"]
    if examples := _EXAMPLES.get((model, name)) or (["30s", "5m", "2h"] if name in _DURATIONS else None):
        plain["examples"] = examples
    description = {"description": plain.pop("description")} if "description" in plain else {}
    return {**description, **plain}


def _plain(schema: Any) -> Any:
    """Shorter where it says the same: ``anyOf`` of plain types, patterns for keys."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items()}
    if "patternProperties" in plain:
        [(pattern, value)] = plain.pop("patternProperties").items()
        plain["propertyNames"] = {"pattern": pattern, **plain.get("propertyNames", {})}
        plain["additionalProperties"] = value if value else True
    return _merged(plain)


def _merged(schema: Schema) -> Schema:
    """``anyOf`` text or null as ``type: [string, null]``, and so on; texts and lists are never empty here."""
    branches = schema.get("anyOf")
    if not branches:
        return schema
    simple = [each for each in branches if set(each) == {"type"} or each == {"type": "array", "items": {}}]
    rest = [each for each in branches if each not in simple]
    types = [each["type"] for each in simple]
    others = {key: value for key, value in schema.items() if key != "anyOf"}
    if types == ["null"] and len(rest) == 1 and isinstance(rest[0].get("type"), str):
        merged = {**rest[0], "type": [rest[0]["type"], "null"]}
        if "enum" in merged:
            merged["enum"] = [*merged["enum"], None]
        return {**others, **merged}
    if len(types) > 1:
        merged = {"type": [each for each in types if each != "integer" or "number" not in types]}
        return {**others, "anyOf": [*rest, merged]} if rest else {**others, **merged}
    return schema
