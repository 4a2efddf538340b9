"""Write docs/reference.md anew: the keys of the definition language, from its JSON Schemas (`make docs`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from inspect import getdoc
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from airflow_workflow_provider.definitions import rules
from airflow_workflow_provider.definitions.durations import PATTERN
from airflow_workflow_provider.definitions.json_schema import Schema, json_schema
from airflow_workflow_provider.definitions.models import TASK_NAME, VARIABLE_NAME, WORKFLOW_NAME
from airflow_workflow_provider.definitions.references import BUILT_INS
from airflow_workflow_provider.definitions.rules.schedule import PRESETS

COMMAND: Final = "make docs"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

EXAMPLES: Final[Mapping[tuple[str, str], str]] = {
    ("Workflow", "workflow"): "workflow: campaign_launch",
    ("Workflow", "owner"): "owner: marketing",
    ("Workflow", "tags"): "tags: [campaigns, nightly]",
    ("Workflow", "schedule"): 'schedule: "30 23 * * *"',
    ("Workflow", "schedules"): 'schedules: [{name: nightly, cron: "30 23 * * *", timezone: Europe/Paris}]',
    ("Workflow", "start_date"): "start_date: 2026-01-01",
    ("Workflow", "catchup"): "catchup: true",
    ("Workflow", "max_active_runs"): "max_active_runs: 1",
    ("Workflow", "variables"): "variables: {region: EU, limit: {type: integer, default: 100}}",
    ("Workflow", "defaults"): "defaults: {connection: marketing_db, retries: 2}",
    ("Workflow", "outcome"): "outcome: handled",
    ("Workflow", "expect"): 'expect: {duration: {max: 45m}, checks: ["rows > 0"]}',
    ("Workflow", "notify"): (
        "notify: {on_failure: [{notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier, "
        "arguments: {to: ops@example.com}}]}"
    ),
    ("Workflow", "tasks"): "tasks: {load: {sql: load.sql}}",
    ("Workflow", "phases"): "phases: [[load], [clean, enrich], [report]]",
    ("Schedule", "name"): "name: nightly",
    ("Schedule", "cron"): 'cron: "30 23 * * *"',
    ("Schedule", "timezone"): "timezone: Europe/Paris",
    ("Schedule", "variables"): "variables: {region: EU}",
    ("Expect", "duration"): "duration: {min: 2m, max: 45m}",
    ("Expect", "checks"): 'checks: ["rows_published > 0"]',
    ("Expect", "on_violation"): "on_violation: warn",
    ("ExpectedDuration", "min"): "min: 2m",
    ("ExpectedDuration", "max"): "max: 45m",
    ("ExpectedDuration", "of_usual"): "of_usual: 3",
    ("Notify", "on_success"): "on_success: [{notifier: package.module.Notifier}]",
    ("Notify", "on_failure"): "on_failure: [{notifier: package.module.Notifier, arguments: {to: ops}}]",
    ("Notify", "on_broken_expectation"): "on_broken_expectation: [{notifier: package.module.Notifier}]",
    ("Notify", "on_late"): "on_late: [{notifier: package.module.Notifier}]",
    ("Notifier", "notifier"): "notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    ("Package", "package"): "package: publish_promo",
    ("Package", "variables"): "variables: {promo_id: {type: integer, required: true}, channel: email}",
    ("Package", "run"): "run: {operator: package.module.Operator, arguments: {x: 1}}",
    ("Run", "integrate_io"): "integrate_io: {package: publish_promo, cluster: {nodes: 2}}",
    ("Run", "aperture"): "aperture: {workflow: validate_customers, space: marketing}",
    ("IntegrateIoJob", "package"): "package: publish_promo",
    ("IntegrateIoJob", "cluster"): "cluster: {nodes: 2, type: production, time_to_idle: 30m}",
    ("IntegrateIoJob", "dynamic_variables"): 'dynamic_variables: {since: "CurrentTime()"}',
    ("IntegrateIoJob", "connection"): "connection: integrate_io_default",
    ("ApertureJob", "workflow"): "workflow: validate_customers",
    ("ApertureJob", "space"): "space: marketing",
    ("ApertureJob", "version"): "version: PreferDraft",
    ("ApertureJob", "parameters"): 'parameters: {day: "{{ vars.ds }}"}',
    ("ApertureJob", "refresh_sources"): "refresh_sources: true",
    ("ApertureJob", "dependencies"): "dependencies: latest",
    ("ApertureJob", "min_duration"): "min_duration: 10s",
    ("ApertureJob", "max_duration"): "max_duration: 30m",
    ("ApertureJob", "conditions"): 'conditions: ["result.rowsFailed == 0", "duration < 600"]',
    ("ApertureJob", "connection"): "connection: aperture_default",
    ("*", "poll_interval"): "poll_interval: 30s",
    ("Variable", "type"): "type: integer",
    ("Variable", "default"): "default: 100",
    ("Variable", "required"): "required: true",
    ("Variable", "secret"): "secret: true",
    ("Variable", "from"): "from: crm_token",
    ("SqlTask", "sql"): "sql: SELECT id FROM campaigns WHERE launch_date = :ds",
    ("SqlTask", "set"): "set: {active_campaign_id: id}",
    ("SqlTask", "on_empty"): "on_empty: skip",
    ("SqlTask", "autocommit"): "autocommit: true",
    ("PackageTask", "package"): "package: warm_cache",
    ("PackageTask", "set"): "set: {rows_published: outputs.0.records_count}",
    ("WorkflowTask", "workflow"): "workflow: campaign_metrics",
    ("*", "operator"): "operator: airflow.providers.standard.operators.bash.BashOperator",
    ("*", "arguments"): 'arguments: {bash_command: "echo done"}',
    ("*", "description"): "description: Launch the campaign that starts today",
    ("*", "depends_on"): "depends_on: {load: success, check: [success, skipped]}",
    ("*", "constraint"): "constraint: any",
    ("*", "if"): 'if: vars.region == "EU"',
    ("*", "variables"): 'variables: {campaign_id: "{{ vars.active_campaign_id }}"}',
    ("*", "retries"): "retries: 2",
    ("*", "retry_delay"): "retry_delay: 1m",
    ("*", "timeout"): "timeout: 2h",
    ("*", "pool"): "pool: reporting",
    ("*", "connection"): "connection: marketing_db",
}
"""An example of each key, ``*`` for every model that has it; tests check them against the schema."""

_BUILT_INS: Final = {
    "run_id": "Airflow's run id",
    "ds": "logical date as `YYYY-MM-DD`; of a run without one the date it was started for (`run_after`)",
    "logical_date": "logical date and time; null in a run without one",
    "data_interval_start": "start of the data interval; may be null",
    "data_interval_end": "end of the data interval; may be null",
    "last_success_at": (
        "when the last successful run before this one, by logical date, started; null when there is none, and in a "
        "run without a logical date (the API and `airflow dags trigger` start such runs unless they are given one)"
    ),
    "workflow": "name of the workflow",
    "workflow_version": "version of the definition: twelve hex digits that change with what a run does",
    "task": "name of the task that reads it",
    "failed_tasks": "direct sources that failed: a list of names, in SQL one text, `a, b`",
}

_TYPES: Final = (
    ("string", "text", "text; a UUID from a database"),
    ("integer", "whole number of any size", "`42`, `'42'`, `42.0`; not `42.5`, not `true`"),
    ("number", "number; a database's decimals keep every digit", "`0.15`, `'0.15'`; not NaN"),
    ("boolean", "true or false", "`true`, `'true'`, `1`, `0` (databases without booleans)"),
    ("date", "day", "`'2026-01-31'`; a date and time at midnight"),
    ("datetime", "instant, in UTC", "`'2026-01-31T08:00:00Z'`; without an offset it is UTC"),
    (
        "json",
        "what JSON can hold",
        "lists, mappings, numbers; text that is a JSON list or mapping is read, other text stays text",
    ),
)

_OTHER_RULES: Final = {
    "syntax": "text that is no YAML or JSON document: tabs, duplicate keys, anchors, not UTF-8, larger than 4 MiB",
    "unknown_package": "a package that does not exist, exists twice or has errors itself",
    "sql_file": "a `.sql` file that is missing, empty, cannot be read or is outside of the definition's folder",
    "operator": "an operator that does not import or refuses its arguments (`airflow workflows validate`, DAG folder)",
    "airflow": "anything else that Airflow refuses (`airflow workflows validate`, DAG folder)",
    "duplicate_workflow": "two files that define a workflow of one name",
}

_INTRO: Final = f"""\
# Definition reference

Generated from the JSON Schemas of the language by `{COMMAND}`; do not edit. `python -m \
airflow_workflow_provider schema` prints them. For a tour see [Writing definitions](writing-definitions.md), for \
the meaning [Semantics](semantics.md).

A workflow is a file `*.workflow.yaml`, a package a file `*.package.yaml`. `.yml` and `.json` work too. An \
unknown key is an error. YAML is read as YAML 1.2: only `true` and `false` are booleans (`NO` is text), a date \
is text until a type says otherwise. Anchors, aliases, tags and duplicate keys are errors, as is a file of more \
than 4 MiB.

*Required* marks a key that must be there; every other may be left out.
"""

_AFTER: Final = {
    "Edges": """\
`depends_on` has three forms. In the long form each source has the outcome that its edge accepts, or a list of outcomes.

| Form | Example | Same as |
|---|---|---|
| one task | `depends_on: load` | `{load: success}` |
| a list | `depends_on: [load, check]` | `{load: success, check: success}` |
| a mapping | `depends_on: {load: failure, check: [completion, skipped]}` | |

A task has at most one edge from another task. Cycles, unknown sources and edges from a task to itself are errors.
""",
    "SqlTask": """\
- `sql` is one statement, a list of statements, or the path of a `.sql` file in the definition's folder or below \
it (which may hold several statements, separated by `;`); a list may mix both. All statements of a task run in one \
transaction, which is committed before variables are set; with `autocommit: true` each commits by itself.
- `:name` is a bind parameter: a variable or a [built-in](#built-ins). `::type` casts, literals, quoted \
identifiers and comments stay as they are; `\\:` is a colon.
- `set: x` fills `x` from the first column of the last statement's first row; `set: {x: column, y: other}` fills \
several, by column name. Of a procedure that returns several sets of rows the last one counts.
- `on_empty` says what happens when there is no row: `null` sets the variables to null, `skip` skips the task, \
`fail` fails it without another attempt.
""",
    "PackageTask": """\
The package is looked for by its name, in the folder of the workflow and the folders below it. `variables` gives \
values to the package's variables; others it does not know are errors. `connection` becomes the operator's \
argument `conn_id`, or the connection of a job of Integrate.io or Aperture Data Studio that names none itself.

`set: x` fills `x` with the result of the package's operator (what it returns), `set: {x: a.b.0}` with a part of it: \
keys of mappings and positions in lists. A part that is not there fails the task without another attempt.
""",
    "OperatorTask": """\
- Strings in `arguments` are Jinja templates where the operator templates that argument (its `template_fields`). \
`{{ vars.name }}` reads a variable, Airflow's own names (`{{ ds }}`, `{{ macros }}`) work as always. A value \
that is exactly one reference, `"{{ vars.name }}"`, keeps its type.
- A dotted path given for an argument whose name ends in `_callable` is imported.
- Inside `env`, `environment` and `env_vars` values become text: null is empty, lists and mappings are JSON.
- `task_id`, `trigger_rule`, `dag` and `owner` cannot be given; `retries`, `retry_delay`, `timeout` and `pool` \
are keys of the task. `connection` becomes the argument `conn_id`.
""",
    "WorkflowTask": """\
The workflow is looked for by its name among those that are loaded together: the folder of the file that calls \
`load_workflow_dags` and the folders below it. Workflows that call each other in a circle are errors. `variables` \
gives values to the other workflow's variables; nothing else of this workflow reaches it.
""",
    "Variable": """\
A variable is written short, as its default (`region: EU`), or long, as a mapping of these keys (`region: \
{default: EU}`). A default that is itself a mapping needs the long form. A `secret` is text; it has no default, \
cannot be set by a task and cannot be given when a run is started.
""",
    "IntegrateIoJob": """\
Templates work in `package`, `cluster`, `variables`, `dynamic_variables` and `connection`; a cluster's `time_to_idle` \
is a duration or seconds. More: [Integrate.io](integrate-io.md).
""",
    "ApertureJob": """\
Templates work in `workflow`, `space`, `parameters` and `connection`. More: [Aperture Data Studio](aperture.md).
""",
    "Expect": """\
A check is an expression over variables, by their names, and outcomes: `tasks.load == "success"` (or `"failure"`, \
`"skipped"`; `tasks["load-all"]` for a name with a dash). `vars.name` reads a variable, too.
""",
    "Run": """\
The rules for `arguments` of an [operator task](#operator-task) hold here too. A package reads only variables \
that it declares, and built-ins.
""",
}

_TITLES: Final = {
    "ApertureJob": "aperture",
    "IntegrateIoJob": "integrate_io",
    "Workflow": "Workflow",
    "Package": "Package",
    "Run": "run",
    "Schedule": "Schedule",
    "Expect": "Expect",
    "ExpectedDuration": "Expected duration",
    "Notify": "Notify",
    "Notifier": "Notifier",
}


def reference() -> str:
    """The page."""
    workflow, package = json_schema("workflow"), json_schema("package")
    definitions = {**package["$defs"], **workflow["$defs"]}
    parts = [
        _INTRO,
        _model("Workflow", workflow),
        _model("Defaults", definitions["Defaults"]),
        "## Tasks\n\nA task has exactly one of `sql`, `package`, `operator` and `workflow`, which says what it does. "
        "These keys every task has:\n\n" + _rows("SqlTask", _common(definitions)),
        *(_model(name, _own(definitions, name)) for name in ("SqlTask", "PackageTask", "OperatorTask", "WorkflowTask")),
        _edges(definitions["Outcome"]),
        _model("Variable", definitions["Variable"]),
        _types(),
        *(_model(name, definitions[name]) for name in ("Schedule", "Expect", "ExpectedDuration", "Notify", "Notifier")),
        _model("Package", package),
        *(_model(name, definitions[name]) for name in ("Run", "IntegrateIoJob", "ApertureJob")),
        _built_ins(),
        _words(),
        _rules(),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _common(definitions: Mapping[str, Schema]) -> Schema:
    keys = [key for key in definitions["SqlTask"]["properties"] if key in definitions["WorkflowTask"]["properties"]]
    return {"properties": {key: definitions["SqlTask"]["properties"][key] for key in keys}}


def _own(definitions: Mapping[str, Schema], name: str) -> Schema:
    """A task's model without what all tasks have."""
    common = _common(definitions)["properties"]
    own = {key: each for key, each in definitions[name]["properties"].items() if key not in common}
    return {**definitions[name], "properties": own}


def _model(name: str, schema: Schema) -> str:
    title = _TITLES.get(name, schema["title"])
    return f"## {title}\n\n{schema['description']}\n\n{_rows(name, schema)}\n{_AFTER.get(name, '')}"


def _rows(model: str, schema: Schema) -> str:
    lines = ["| Key | Meaning | Type | Default | Example |", "|---|---|---|---|---|"]
    required = schema.get("required", ())
    for key, each in schema["properties"].items():
        default = "*required*" if key in required else _code(each["default"]) if "default" in each else ""
        example = EXAMPLES.get((model, key)) or EXAMPLES.get(("*", key))
        cells = (f"`{key}`", each["description"], _type(key, each), default, f"`{example}`" if example else "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _code(value: Any) -> str:
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


_LINKS: Final = {
    "ApertureJob": "[mapping](#aperture)",
    "IntegrateIoJob": "[mapping](#integrate_io)",
    "Edges": "[edges](#edges)",
    "Defaults": "[mapping](#defaults)",
    "Expect": "[mapping](#expect)",
    "ExpectedDuration": "[mapping](#expected-duration)",
    "Notifier": "[notifier](#notifier)",
    "Notify": "[mapping](#notify)",
    "Run": "[mapping](#run)",
    "Schedule": "[schedule](#schedule)",
    "Task": "[task](#tasks)",
    "Variable": "[variable](#variable)",
}
_PATTERNS: Final = {
    PATTERN: "[duration](#names-and-durations)",
    WORKFLOW_NAME: "[workflow name](#names-and-durations)",
    TASK_NAME: "[name](#names-and-durations)",
    VARIABLE_NAME: "[variable name](#names-and-durations)",
}


def _type(key: str, schema: Schema) -> str:
    """The type in a few words."""
    if "$ref" in schema:
        return _LINKS[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return " \\| ".join(f"`{each}`" for each in schema["enum"] if each is not None).replace("\\|", "|")
    if schema.get("pattern") in _PATTERNS:
        return _PATTERNS[schema["pattern"]]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(key, each) for each in schema["anyOf"] if each != {"type": "null"}))
    kinds = schema.get("type", "anything")
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    return " or ".join(_kind(key, kind, schema) for kind in kinds)


def _kind(key: str, kind: str, schema: Schema) -> str:
    if kind == "object":
        values = schema.get("additionalProperties")
        named = {"tasks": "name: [task](#tasks)", "set": "variable: column", "arguments": "argument: value"}
        if key == "variables":
            return "mapping of " + ("name: [variable](#variable)" if isinstance(values, dict) else "name: value")
        return f"mapping of {named[key]}" if key in named else "mapping"
    if kind == "array":
        items = schema.get("items", {})
        return f"list of {_type(key, items)}" if items else "list"
    words = {"string": "text", "integer": "integer", "boolean": "boolean", "number": "number"}
    at_least = f" ≥ {schema['minimum']}" if "minimum" in schema else ""
    if "exclusiveMinimum" in schema:
        at_least = f" > {schema['exclusiveMinimum']:g}"
    if key in ("operator", "notifier"):
        return "dotted path"
    return words.get(kind, kind) + at_least


def _edges(outcome: Schema) -> str:
    lines = [f"| `{each['const']}` | {each['description']} |" for each in outcome["oneOf"]]
    table = "| Outcome | Meaning |\n|---|---|\n" + "\n".join(lines)
    return f"## Edges\n\n{_AFTER['Edges']}\n{table}\n"


def _types() -> str:
    lines = [f"| `{name}` | {holds} | {accepts} |" for name, holds, accepts in _TYPES]
    head = "| Type | Holds | Accepts, for example |\n|---|---|---|\n"
    return (
        "### Types\n\nA declared type is checked wherever a value comes from: the default, the trigger form, `conf`, a "
        "database. What it cannot hold is an error that names variable, type and value. Without a type a value passes "
        "unchanged. Null passes every type. Where values are given to a run (trigger form, `conf`, a `workflow` task), "
        "Airflow itself checks them first and refuses numbers and booleans that are written as text: `42`, not `'42'`."
        f"\n\n{head}" + "\n".join(lines) + "\n"
    )


def _built_ins() -> str:
    assert set(_BUILT_INS) == BUILT_INS, "a built-in has come or gone"
    lines = [f"| `{name}` | {meaning} |" for name, meaning in _BUILT_INS.items()]
    return (
        "## Built-ins\n\nRead like variables, `:ds` in SQL and `{{ vars.ds }}` or `vars.ds` elsewhere. No variable may "
        "bear one of these names.\n\n| Name | Value |\n|---|---|\n" + "\n".join(lines) + "\n"
    )


def _words() -> str:
    rows = (
        ("workflow", "letters, digits, `_`, `-`, `.`; at most 250 characters", WORKFLOW_NAME),
        ("task, package", "a letter or `_`, then letters, digits, `_`, `-`; at most 200 characters", TASK_NAME),
        ("variable", "a letter or `_`, then letters, digits, `_`; at most 200 characters", VARIABLE_NAME),
    )
    lines = [f"| {what} | {words} | `{pattern}` |" for what, words, pattern in rows]
    presets = ", ".join(f"`{preset}`" for preset in PRESETS)
    return (
        "## Names and durations\n\n| Name of a | May hold | Pattern |\n|---|---|---|\n"
        + "\n".join(lines)
        + "\n\nA duration is a number with a unit, `90s`, `5m`, `2h`, `1d`, or ISO-8601, `PT1H30M`.\n\n"
        f"A schedule is a cron expression of five fields, in UTC, or one of {presets}.\n"
    )


def _rules() -> str:
    """What each rule finds: the first line of its module."""
    found = dict(_OTHER_RULES)
    for module in iter_modules(rules.__path__):
        loaded = __import__(f"{rules.__name__}.{module.name}", fromlist=["RULE"])
        name, _, meaning = (getdoc(loaded) or "").splitlines()[0].partition(": ")
        found[name] = meaning.replace("``", "`").partition(". ")[0].rstrip(".")
    lines = [f"| `{name}` | {found[name]} |" for name in sorted(found)]
    return (
        "## Rules\n\nEvery message of `validate` ends with the rule that found it.\n\n| Rule | Finds |\n|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )


def main() -> int:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
