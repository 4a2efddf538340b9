"""An explanation as what JSON can hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_workflow_provider.definitions.values import to_json
from airflow_workflow_provider.explain.explanation import (
    RunExplanation,
    TaskExplanation,
    Value,
    VariableExplanation,
)
from airflow_workflow_provider.explain.words import TOO_DEEP, iso_time


def as_json(run: RunExplanation) -> dict[str, Any]:
    """The whole of it. Times are ISO-8601, values as XCom keeps them (see ``to_json``), those of secrets ``***``."""
    return {
        "workflow": run.workflow,
        "version": run.version,
        "run": run.run_id,
        "state": run.state,
        "outcome": run.outcome_mode,
        "reason": run.reason,
        "broken_expectations": list(run.broken),
        "started_by": run.started_by,
        "start": _time(run.start),
        "end": _time(run.end),
        "seconds": run.seconds,
        "note": run.note,
        "tasks": [_task(task) for task in run.tasks],
        "variables": [_variable(variable) for variable in run.variables],
        "not_variables": list(run.not_read),
    }


def _task(task: TaskExplanation) -> dict[str, Any]:
    return {
        "task": task.name,
        "outcome": task.outcome.value if task.outcome else None,
        "status": task.status,
        "state": task.state,
        "reason": task.reason,
        "tries": task.tries,
        "start": _time(task.start),
        "end": _time(task.end),
        "seconds": task.seconds,
        "variables": [{"variable": name, **_value(value)} for name, value in task.values],
    }


def _variable(variable: VariableExplanation) -> dict[str, Any]:
    return {
        "variable": variable.name,
        "type": variable.type,
        "values": [{**_value(seen.value), "read_by": list(seen.readers)} for seen in variable.values],
    }


def _value(value: Value) -> dict[str, Any]:
    shown = {"value": _plain(value.value), "origin": value.origin}
    return {**shown, "problem": value.problem} if value.problem is not None else shown


def _plain(value: Any) -> Any:
    try:
        return to_json(value)
    except TypeError:
        return str(value)
    except RecursionError:
        return TOO_DEEP


def _time(time: datetime | None) -> str | None:
    return iso_time(time) if time else None
