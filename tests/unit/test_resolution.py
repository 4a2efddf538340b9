"""Where a workflow variable's value comes from: the order that docs/semantics.md gives."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from airflow_workflow_provider.compiler.plan import PlannedSchedule, PlannedVariable
from airflow_workflow_provider.runs.resolution import Given, Sources, resolve

SCHEDULE = PlannedSchedule("nightly", "0 1 * * *", "UTC", {"x": "schedule"})


@pytest.mark.parametrize(("is_set", "is_given", "by_schedule", "default"), list(product([True, False], repeat=4)))
def test_the_first_source_that_has_a_value_wins(is_set: bool, is_given: bool, by_schedule: bool, default: bool) -> None:
    values: dict[str, Any] = {"x": "given"} if is_given else {}
    sources = Sources(
        given=Given.of(values, SCHEDULE if by_schedule else None),
        succeeded=lambda task: is_set,
        value_set_by=lambda task, name: "set",
        secret=lambda key: "secret",
    )
    found = resolve("x", PlannedVariable("x", default="default" if default else None), ("a",), sources)
    order = [("set", is_set), ("given", is_given), ("schedule", by_schedule), ("default", default)]
    assert found.value == next((value for value, there in order if there), None)
    assert resolve("x", PlannedVariable("x", secret="key"), (), sources).value == "secret"
