"""A document whose shape is wrong, without its wrong parts: so that one reading reports what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import Finding, Location, Severity
from airflow_workflow_provider.definitions.models import TASK_KINDS

_STUB: Final = {"operator": "some.Operator"}

# What these say holds whatever was left out; the others could complain about something that is only broken.
_INDEPENDENT: Final = frozenset(
    {
        "phases",
        "secret_variable",
        "notifier",
        "dependency_cycle",
        "variable_name",
        "variable_value",
        "sql_text",
        "sql_file",
        "template_text",
        "unknown_package",
        "pasted_variable",
        "schedule",
    }
)


def without(data: Mapping[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """A copy without the parts that the findings are about. A task that lost what it does does something else."""
    copy: dict[str, Any] = _copy(data)
    for finding in findings:
        _remove(copy, finding.location)
    if not isinstance(copy.get("workflow"), str):
        copy["workflow"] = "some_workflow"
    return copy


def certain(findings: Iterable[Finding], data: Mapping[str, Any]) -> Iterator[Finding]:
    """Those findings about a partial document that hold for the whole one, too."""
    tasks, variables = _names(data.get("tasks")), _variables(data)
    for finding in findings:
        location = finding.location
        if finding.rule in _INDEPENDENT:
            yield finding
        elif finding.rule == "unknown_source":
            if len(location) == 4 and (location[3] not in tasks or location[3] == location[1]):
                yield finding
        elif finding.rule == "unknown_variable" and finding.severity is Severity.ERROR:
            name = finding.message.split("'")[1]
            if finding.message.startswith("unknown variable") and name not in variables:
                yield finding
        elif finding.rule == "expectation" and location[:2] == ("expect", "checks"):
            name = finding.message.split("'")[1] if finding.message.startswith("unknown ") else ""
            if name not in tasks and name not in variables:
                yield finding


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _remove(data: dict[str, Any], location: Location) -> None:
    if len(location) >= 2 and location[0] == "tasks" and isinstance(data.get("tasks"), dict):
        task = data["tasks"].get(location[1])
        if len(location) == 2 or location[2] in TASK_KINDS or not isinstance(task, dict):
            edges = task.get("depends_on") if isinstance(task, dict) else None
            data["tasks"][location[1]] = {**_STUB, **({"depends_on": edges} if edges else {})}
            return
    parent: Any = data
    for depth, part in enumerate(location):
        if not isinstance(parent, dict) or part not in parent:
            return
        child = parent[part]
        inside = depth + 1 < len(location) and isinstance(child, dict) and location[depth + 1] in child
        if not inside:
            del parent[part]
            return
        parent = child


def _names(value: object) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def _variables(data: Mapping[str, Any]) -> set[str]:
    found = _names(data.get("variables"))
    tasks = data.get("tasks")
    for task in tasks.values() if isinstance(tasks, dict) else ():
        if isinstance(task, dict):
            setting = task.get("set")
            found |= _names(task.get("variables")) | _names(setting)
            found |= {name for name in (setting if isinstance(setting, list) else [setting]) if isinstance(name, str)}
    return found
