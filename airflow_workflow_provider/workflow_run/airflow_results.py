"""What Airflow's answers mean: declared variables, values that tasks set, outcomes, durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from airflow_workflow_provider.definitions.values import ValueTypeError, coerce, from_json
from airflow_workflow_provider.workflow_run.target import Variable

_SIMPLE: Final = frozenset({"string", "integer", "number", "boolean"})
_FORMATS: Final = {"date": "date", "date-time": "datetime"}
_ENCODED: Final = frozenset({"json", "decimal", "datetime", "date", "float"})
_OUTCOMES: Final = {"success": "success", "failed": "failure"}
_SETTLED: Final = frozenset({*_OUTCOMES, "skipped", "upstream_failed", "removed"})


def declared(params: Mapping[str, Any]) -> dict[str, Variable]:
    """A DAG's params as variables."""
    found = {}
    for name, param in params.items():
        if isinstance(param, dict):
            schema = param.get("schema")
            schema = schema if isinstance(schema, dict) else {}
            found[name] = Variable(name, _type(schema), param.get("value"), schema)
    return found


def _type(schema: Mapping[str, Any]) -> str | None:
    """The type of the definition language that a param's schema stands for; ``None`` for anything else."""
    words = schema.get("type")
    words = [words] if isinstance(words, str) else words
    if not isinstance(words, list):
        return None
    kinds = {str(word) for word in words} - {"null"}
    if kinds == {"string"}:
        return _FORMATS.get(str(schema.get("format")), "string")
    if len(kinds) == 1 and kinds <= _SIMPLE:
        return kinds.pop()
    if kinds == {"integer", "number"}:
        return "number"
    return "json" if kinds else None


def latest(entries: Iterable[Any], names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Of the XComs whose key is one of the names, the youngest of each."""
    wanted, found = set(names), dict[str, Mapping[str, Any]]()
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("key") not in wanted or "task_id" not in entry:
            continue
        before = found.get(entry["key"])
        if before is None or str(entry.get("timestamp")) >= str(before.get("timestamp")):
            found[entry["key"]] = entry
    return found


def typed(values: Mapping[str, Any], variables: Mapping[str, Variable]) -> dict[str, Any]:
    """Values as their declared types hold them; one that its type cannot hold stays as it came."""
    found = {}
    for name, value in values.items():
        encoded = isinstance(value, dict) and set(value) == {"type", "value"} and value["type"] in _ENCODED
        try:
            plain = from_json(value) if encoded or isinstance(value, list) else value
            found[name] = coerce(plain, variables[name].type if name in variables else None, name)
        except (ValueTypeError, ValueError, KeyError, TypeError):
            found[name] = value
    return found


def outcomes(tasks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Outcome by task; nodes that are no tasks of the definition (a dot in the name) do not count.

    Of a mapped task, one failed instance makes a failure, and else one success makes a success.
    """
    rank = {"failure": 2, "success": 1, "skipped": 0}
    found: dict[str, str] = {}
    for task in tasks:
        name, state = str(task["task_id"]), task.get("state")
        if "." in name or state not in _SETTLED:
            continue
        outcome = _OUTCOMES.get(str(state), "skipped")
        if name not in found or rank[outcome] > rank[found[name]]:
            found[name] = outcome
    return found


def seconds(run: Mapping[str, Any]) -> float | None:
    """How long an ended run took, from start to end."""
    duration = run.get("duration")
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return float(duration)
    try:
        return (_time(run["end_date"]) - _time(run["start_date"])).total_seconds()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
