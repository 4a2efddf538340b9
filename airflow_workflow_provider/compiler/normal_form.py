"""What a definition means, as plain data: short forms written out, defaults and .sql files in their places.

Two definitions with the same normal form do the same; what only looks different is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from pydantic import BaseModel

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.definitions.models import AnyTask, Package, SqlTask, Variable
from airflow_workflow_provider.definitions.outcomes import RAN, Outcome, accepted
from airflow_workflow_provider.definitions.package_runs import RUN_KINDS, package_run

_TASK_DEFAULTS: Final = ("retries", "retry_delay", "timeout", "pool")
_REBUILT: Final = frozenset({"tasks", "phases", "defaults", "schedules", "tags", "variables"})
# Said even where they have their defaults: a change then tells what it was before.
_ALWAYS_SAID: Final = frozenset({"outcome", "catchup", "on_violation", "timezone", "constraint"})


def workflow_form(definition: Definition) -> dict[str, Any]:
    """A workflow; ``tasks``, ``schedules`` and the like are mappings by name."""
    workflow = definition.workflow
    form = _said(workflow, without=_REBUILT)
    if workflow.tags:
        form["tags"] = sorted(workflow.tags)
    parts = {
        "schedules": {each.name: _said(each, without={"name"}) for each in workflow.schedules},
        "variables": _variables(workflow.variables),
        "tasks": {name: _task(definition, name, task) for name, task in definition.tasks.items()},
    }
    return form | {name: part for name, part in parts.items() if part}


def package_form(package: Package) -> dict[str, Any]:
    """A package. What it hands to a job by default is written out."""
    form = _said(package, without={"variables", "run"})
    if package.variables:
        form["variables"] = _variables(package.variables)
    run = package_run(package)
    [kind] = [kind for kind in RUN_KINDS if getattr(package.run, kind) is not None] or ["operator"]
    if kind == "operator":
        form["run"] = {"operator": run.operator, **({"arguments": _plain(run.arguments)} if run.arguments else {})}
    else:
        form["run"] = {kind: _plain(run.written) | _said(getattr(package.run, kind))}
    return form


def _task(definition: Definition, name: str, task: AnyTask) -> dict[str, Any]:
    form = _said(task, without={"sql", "depends_on", "constraint", "on_empty"})
    defaults = definition.workflow.defaults
    form |= {
        setting: _plain(default)
        for setting in _TASK_DEFAULTS
        if setting not in form and (default := getattr(defaults, setting)) is not None
    }
    if isinstance(task, SqlTask):
        form["sql"] = _statements(definition, name, task)
        form["on_empty"] = task.on_empty or "null"
        if connection := task.connection or defaults.connection:
            form["connection"] = connection
    if task.depends_on:
        form["depends_on"] = {source: _outcomes(words) for source, words in task.depends_on.items()}
    if len(task.depends_on) > 1:
        form["constraint"] = task.constraint
    if name in definition.phase_tasks:
        (_, number, _), _ = definition.phase_tasks[name]
        assert isinstance(number, int)
        form["phase"] = number + 1
    return form


def _statements(definition: Definition, name: str, task: SqlTask) -> Any:
    """The SQL, from wherever it comes: a text, or a list of several."""
    found = [statement.text.strip() for statement in definition.statements.get(name, ())]
    texts = found or [text.strip() for text in task.sql]
    return texts[0] if len(texts) == 1 else texts


def _outcomes(words: Iterable[str]) -> list[str]:
    """The words of an edge, as few as say it, in one order."""
    outcomes = accepted(words)
    ran = ["completion"] if outcomes >= RAN else [each.value for each in Outcome if each in outcomes & RAN]
    return [*ran, *(["skipped"] if Outcome.SKIPPED in outcomes else [])]


def _variables(variables: Mapping[str, Variable]) -> dict[str, Any]:
    return {name: _said(variable) for name, variable in variables.items()}


def _said(model: BaseModel, without: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a model under their names in the language, without those that say nothing."""
    form: dict[str, Any] = {}
    for field, info in type(model).model_fields.items():
        name = info.alias or field
        value = getattr(model, field)
        if name in without or value is None:
            continue
        plain = _plain(value)
        is_default = not info.is_required() and same(plain, _plain(info.get_default(call_default_factory=True)))
        if name in _ALWAYS_SAID or not is_default:
            form[name] = plain
    return form


def _plain(value: Any) -> Any:
    """A value as what JSON can hold; durations and dates as they are written."""
    if isinstance(value, BaseModel):
        return _said(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON: ``1``, ``1.0`` and ``true`` are three values."""
    return one is other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
