"""Plans as JSON and back, fast: this is what is kept beside a definition that has not changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any, Final

from airflow_workflow_provider.compiler.plan import (
    Decision,
    Expectations,
    Gate,
    Notification,
    OperatorWork,
    Plan,
    PlannedSchedule,
    PlannedTask,
    PlannedVariable,
    RunOutcome,
    Scope,
    SqlWork,
    TriggerRule,
    Wiring,
    Work,
    WorkflowWork,
)


def dump_plan(plan: Plan) -> str:
    """JSON text of a plan; equal plans give equal texts."""
    return _ENCODER.encode(_fields(plan))


def dump_with_version(plan: Plan, version: Callable[[str], str]) -> tuple[Plan, str]:
    """A plan that has no version yet, with the one that is made from its JSON text; and the text that it then has.

    ``version`` gives digits and the like, which stand in JSON as they are.
    """
    text = dump_plan(plan)
    before, _, after = text.rpartition(_NO_VERSION)  # only the workflow's name comes after it
    given = version(text)
    return replace(plan, version=given), f'{before}"version":"{given}"{after}'


_NO_VERSION: Final = '"version":""'
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


def load_plan(text: str | bytes) -> Plan:
    """The plan that ``dump_plan`` was given; ``ValueError``, ``TypeError`` or ``KeyError`` for any other text."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise TypeError("a plan is a mapping")
    readers: dict[str, Callable[[Any], Any]] = {
        "tasks": lambda items: tuple(map(_task, items)),
        "gates": lambda items: tuple(map(_gate, items)),
        "decisions": lambda items: tuple(map(_decision, items)),
        "outcome": _outcome,
        "variables": lambda items: tuple(PlannedVariable(**item) for item in items),
        "schedules": lambda items: tuple(PlannedSchedule(**item) for item in items),
        "expect": _expect,
        "notify": lambda items: tuple(Notification(**item) for item in items),
        "tags": tuple,
    }
    return Plan(**{name: readers[name](value) if name in readers else value for name, value in data.items()})


def _fields(value: Any) -> Any:
    """Dataclasses as mappings of their fields without those that have their default: most have."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [_fields(item) for item in value]
    names, defaults, read = _shape(kind)
    return {
        name: item if type(item) in _PLAIN else _fields(item)
        for name, default, item in zip(names, defaults, read(value), strict=True)
        if item is not default and item != default
    }


_PLAIN: Final = frozenset({str, int, float, bool, dict, TriggerRule, type(None)})


@cache
def _shape(kind: Any) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], Iterable[Any]]]:
    """Of a dataclass the names of its fields, their defaults, and what reads them all at once."""
    names = tuple(item.name for item in fields(kind))
    defaults = tuple(
        item.default if item.default_factory is MISSING else item.default_factory() for item in fields(kind)
    )
    return names, defaults, attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)


def _wiring(data: dict[str, Any]) -> Wiring:
    rule = data.get("rule")
    return Wiring(TriggerRule(rule) if rule else TriggerRule.ALL_SUCCESS, tuple(data.get("upstream", ())))


def _edges(data: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {source: tuple(words) for source, words in data.items()}


def _task(data: dict[str, Any]) -> PlannedTask:
    data["work"] = _work(data["work"])
    if "wiring" in data:
        data["wiring"] = _wiring(data["wiring"])
    if "edges" in data:
        data["edges"] = _edges(data["edges"])
    if "scope" in data:
        data["scope"] = _scope(**data["scope"])
    return PlannedTask(**data)


def _work(data: dict[str, Any]) -> Work:
    if "operator" in data:
        return OperatorWork(**data)
    if "workflow" in data:
        return WorkflowWork(**data)
    data["statements"] = tuple(data["statements"])
    return SqlWork(**data)


def _scope(
    given: dict[str, Any] | None = None,
    package: list[dict[str, Any]] | None = None,
    setters: dict[str, list[str]] | None = None,
) -> Scope:
    variables = None if package is None else tuple(PlannedVariable(**item) for item in package)
    return Scope(given or {}, variables, _edges(setters or {}))


def _gate(data: dict[str, Any]) -> Gate:
    return Gate(**{**data, "wiring": _wiring(data["wiring"])})


def _decision(data: dict[str, Any]) -> Decision:
    return Decision(**{**data, "edges": _edges(data["edges"]), "wiring": _wiring(data["wiring"])})


def _outcome(data: dict[str, Any]) -> RunOutcome:
    gates = tuple(map(_gate, data.get("gates", ())))
    return RunOutcome(**{**data, "gates": gates, "wiring": _wiring(data["wiring"])})


def _expect(data: dict[str, Any]) -> Expectations:
    return Expectations(**{**data, "checks": tuple(data.get("checks", ())), "setters": _edges(data.get("setters", {}))})
