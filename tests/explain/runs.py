"""Plans and hand-made records of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.explain_text import explanation_lines
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.reader import read_workflow
from airflow_workflow_provider.explain.record import RunRecord, TaskRecord
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.runs.children import TaskAttempt

START = datetime(2026, 1, 31, 8, tzinfo=timezone.utc)
BASH = "airflow.providers.standard.operators.bash.BashOperator"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def plan_of(folder: Path, text: str, **packages: str) -> Plan:
    """The plan of a definition without errors; the version does not change with the compiler."""
    for name, package in packages.items():
        (folder / f"{name}.package.yaml").write_text(f"package: {name}\n{package}")
    file = folder / "w.workflow.yaml"
    file.write_text(text)
    reading = read_workflow(str(file))
    assert not reading.errors, [str(each) for each in reading.diagnostics]
    assert reading.definition is not None
    return replace(compile_workflow(reading.definition), version="0123456789ab")


def task(
    state: str | None, start: float | None = None, end: float | None = None, tries: int | None = None
) -> TaskRecord:
    """A task that was tried once if it has a start."""
    return TaskRecord(
        state,
        (1 if start is not None else 0) if tries is None else tries,
        None if start is None else at(start),
        None if end is None else at(end),
    )


def record(
    state: str = "success", tasks: Mapping[str, TaskRecord | str | None] | None = None, **more: Any
) -> RunRecord:
    """A run by hand that began at ``START`` and ends, or is read, a minute later. A task may be only its state."""
    nodes = {
        name: node
        if isinstance(node, TaskRecord)
        else task(node, 0, 1)
        if node in ("success", "failed")
        else task(node, 0)
        if node == "running"
        else task(node)
        for name, node in (tasks or {}).items()
    }
    given: dict[str, Any] = {
        "workflow": "w",
        "run_id": "manual__1",
        "run_type": "manual",
        "state": state,
        "read_at": at(60),
        "start": START,
        "end": at(60),
        "triggered_by": "ui",
        "user": "ada",
        "tasks": nodes,
    }
    return RunRecord(**{**given, **more})


CHILD = TaskAttempt("launch", "manual__0", "2026-01-31T07:59:00+00:00", "restock", number=1, last=1)
"""What started a run that another workflow has started."""


def text_of(plan: Plan, run: RunRecord) -> str:
    lines = explanation_lines(explain_run(plan, run), Console(StringIO(), StringIO()))
    return "".join(f"{line}\n" for line in lines)


def reasons(plan: Plan, run: RunRecord) -> dict[str, str]:
    """Task → why."""
    return {each.name: each.reason for each in explain_run(plan, run).tasks}


def seen(plan: Plan, run: RunRecord) -> dict[str, list[tuple[Any, str, tuple[str, ...]]]]:
    """Variable → (value, origin, readers) of each value that it has."""
    return {
        variable.name: [(each.value.value, each.value.origin, each.readers) for each in variable.values]
        for variable in explain_run(plan, run).variables
    }
