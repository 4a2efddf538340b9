"""Plans as JSON and back, fast: this is what is kept beside a definition that has not changed."""

from __future__ import annotations

import json
from typing import Any

from airflow_workflow_provider.compiler.plan import (
    Decision,
    Gate,
    OperatorWork,
    Plan,
    PlannedTask,
    PlannedVariable,
    RunOutcome,
    Scope,
    SqlWork,
    TriggerRule,
    Wiring,
)


def dump_plan(plan: Plan) -> str:
    """JSON text of a plan; equal plans give equal texts."""
    return json.dumps(_fields(plan), separators=(",", ":"), sort_keys=True)


def load_plan(text: str | bytes) -> Plan:
    """The plan that ``dump_plan`` was given; ``ValueError``, ``TypeError`` or ``KeyError`` for any other text."""
    data: dict[str, Any] = json.loads(text)
    return Plan(
        **{
            **data,
            "tasks": tuple(_task(item) for item in data["tasks"]),
            "gates": tuple(_gate(item) for item in data["gates"]),
            "decisions": tuple(_decision(item) for item in data["decisions"]),
            "outcome": _outcome(data["outcome"]),
            "variables": tuple(PlannedVariable(**item) for item in data["variables"]),
            "tags": tuple(data["tags"]),
        }
    )


def _fields(value: Any) -> Any:
    """Dataclasses as mappings of their fields; ``SqlWork`` and ``OperatorWork`` are told apart by their keys."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _fields(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, list | tuple):
        return [_fields(item) for item in value]
    return value


def _wiring(data: dict[str, Any]) -> Wiring:
    return Wiring(TriggerRule(data["rule"]), tuple(data["upstream"]))


def _edges(data: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {source: tuple(words) for source, words in data.items()}


def _task(data: dict[str, Any]) -> PlannedTask:
    data["work"] = _work(data["work"])
    data["wiring"] = _wiring(data["wiring"])
    data["edges"] = _edges(data["edges"])
    data["scope"] = _scope(data["scope"])
    return PlannedTask(**data)


def _work(data: dict[str, Any]) -> SqlWork | OperatorWork:
    if "operator" in data:
        return OperatorWork(**data)
    data["statements"] = tuple(data["statements"])
    return SqlWork(**data)


def _scope(data: dict[str, Any]) -> Scope:
    package = data["package"]
    return Scope(
        data["given"],
        None if package is None else tuple(PlannedVariable(**item) for item in package),
        _edges(data["setters"]),
    )


def _gate(data: dict[str, Any]) -> Gate:
    return Gate(data["id"], data["task"], _wiring(data["wiring"]), data["meaning"])


def _decision(data: dict[str, Any]) -> Decision:
    return Decision(data["id"], data["task"], data["constraint"], _edges(data["edges"]), _wiring(data["wiring"]))


def _outcome(data: dict[str, Any] | None) -> RunOutcome | None:
    if data is None:
        return None
    return RunOutcome(data["mode"], _gate(data["failed"]), _gate(data["end"]), data["outcome"], _wiring(data["wiring"]))
