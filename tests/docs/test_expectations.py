"""What the pages on expectations and notifications say, the code does."""

from __future__ import annotations

import pytest
import yaml

from airflow_workflow_provider.definitions.models import ExpectedDuration, Notify
from airflow_workflow_provider.definitions.rules.notifier import TOLD
from airflow_workflow_provider.notifications.notifiers import DEFAULT_TEXTS
from airflow_workflow_provider.runs.expectations import broken_check
from tests.docs.pages import ROOT, table

EXPECTATIONS = (ROOT / "docs" / "expectations.md").read_text(encoding="utf-8")
NOTIFICATIONS = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")


def first_column(text: str, heading: str) -> list[str]:
    return [row[0].strip("`").partition(":")[0] for row in table(text, heading)]


@pytest.mark.parametrize("row", table(EXPECTATIONS, "Check"), ids=lambda row: row[1])
def test_a_check_is_judged_as_the_page_says(row: list[str]) -> None:
    check, read, reason = (cell.strip("`") for cell in row)
    values = yaml.safe_load(f"{{{read}}}")
    assert (broken_check(check, values.__getitem__, values, lambda _: False) or "") == reason


def test_every_key_event_and_name_is_on_its_page() -> None:
    assert first_column(EXPECTATIONS, "Key") == list(ExpectedDuration.model_fields)
    assert first_column(NOTIFICATIONS, "Event") == list(Notify.model_fields)
    assert first_column(NOTIFICATIONS, "Name") == list(TOLD)
    assert all(f"`{name}`" in NOTIFICATIONS for name in DEFAULT_TEXTS)
