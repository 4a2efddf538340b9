"""Whole explanations as a person reads them, against golden files. ``UPDATE_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.explain.as_json import as_json
from airflow_workflow_provider.explain.record import Mark, RunRecord
from airflow_workflow_provider.explain.run import explain_run
from tests.explain.runs import BASH, CHILD, at, plan_of, record, task, text_of

GOLDEN = Path(__file__).parent / "golden"

REORDER = """
workflow: reorder
outcome: handled
schedules:
  - {name: morning, cron: "0 6 * * *", timezone: Europe/Paris, variables: {channel: fax}}
  - {name: noon, cron: "0 12 * * *"}
start_date: 2026-01-01
variables:
  threshold: {type: integer, default: 20, description: Order below this stock}
  channel: email
  price: {type: number}
  shop_token: {secret: true, from: shop_token}
expect: {duration: {max: 30s}, checks: [item_id > 0], on_violation: warn}
defaults: {connection: shop_db}
tasks:
  find_item:
    sql: SELECT id, price FROM items WHERE stock < :threshold ORDER BY stock
    set: {item_id: id, price: price}
    on_empty: skip
  order:
    package: place_order
    variables: {item: "{{ vars.item_id }}", label: "item {{ vars.item_id }}", key: "{{ vars.shop_token }}"}
    depends_on: find_item
  mail:
    sql: INSERT INTO mails VALUES (:channel, :price)
    if: vars.channel == "email"
    depends_on: {order: success}
  mark_ordered:
    sql: UPDATE items SET ordered_on = :ds WHERE id = :item_id
    depends_on: {order: success}
  note_failure:
    sql: INSERT INTO problems (run_id, failed) VALUES (:run_id, :failed_tasks)
    depends_on: {order: failure, mark_ordered: failure}
    constraint: any
"""
PLACE_ORDER = f"""
variables: {{item: {{type: integer, required: true}}, label: {{}}, key: {{}}, channel: {{}}, retries: 3}}
run:
  operator: {BASH}
  arguments: {{bash_command: order, env: {{ITEM: "{{{{ vars.item }}}}"}}}}
"""
SET = {"find_item": {"item_id": 7, "price": {"type": "decimal", "value": "12.50"}}}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, REORDER, place_order=PLACE_ORDER)


def of_reorder(state: str, tasks: dict[str, Any], **more: Any) -> RunRecord:
    return record(state, tasks, workflow="reorder", **more)


RUNS = {
    "handled": of_reorder(
        "success",
        {
            "find_item": task("success", 1, 1.4),
            "order": task("failed", 8, 10, tries=3),
            "mail": task("skipped", 10, 10, tries=0),
            "mark_ordered": "upstream_failed",
            "note_failure": task("success", 11, 12),
            "workflow.outcome": task("success", 13, 14),
        },
        conf={"threshold": 15, "regoin": "EU"},
        note="second try\nafter the outage",
        xcoms={
            **SET,
            "workflow.outcome": {
                "reason": "broken expectation: the run took 60s, more than the expected 30s; every failure was "
                "handled: 'order' by 'note_failure'; on_violation: warn",
                "broken_expectations": ["the run took 60s, more than the expected 30s"],
            },
        },
    ),
    "by_schedule": of_reorder(
        "success",
        {
            "find_item": "success",
            "order": task("success", 2, 4),
            "mail": task("skipped", 5, 5.5),
            "mark_ordered": task("success", 5, 6),
            "note_failure": "skipped",
            "workflow.outcome": task("success", 7, 8),
        },
        run_id="scheduled__2026-01-31T05:00:00+00:00__morning",
        run_type="scheduled",
        triggered_by="timetable",
        user=None,
        logical_date=at(0),
        xcoms={
            **SET,
            "mail": {"reason": "the condition 'vars.channel == \"email\"' is false"},
            "workflow.outcome": {"reason": "no task failed; every expectation was met"},
        },
    ),
    "nothing_to_do": of_reorder(
        "success",
        {
            "find_item": task("skipped", 1, 2),
            "order": "skipped",
            "mail": "skipped",
            "mark_ordered": "skipped",
            "note_failure": "skipped",
            "workflow.outcome": task("success", 3, 4),
        },
        run_id=CHILD.child_run_id,
        conf=CHILD.conf({"channel": "fax"}),
        xcoms={"find_item": {"reason": "the query returned no row (on_empty: skip)"}},
    ),
    "under_way": of_reorder(
        "running",
        {
            "find_item": task("success", 1, 2),
            "order": task("running", 3),
            "mail": None,
            "mark_ordered": None,
            "note_failure": None,
        },
        xcoms=SET,
        user=None,
    ),
    "stopped": of_reorder(
        "failed",
        {
            "find_item": task("success", 1, 2),
            "order": task("failed", 3, 9),
            "mail": "skipped",
            "mark_ordered": None,
            "note_failure": "skipped",
            "workflow.outcome": "skipped",
        },
        xcoms=SET,
        marked={"": Mark("failed", at(9)), "order": Mark("failed", at(9))},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_told_in_words(name: str, plan: Plan) -> None:
    compare(f"{name}.txt", text_of(plan, RUNS[name]))


def test_a_run_is_told_as_json(plan: Plan) -> None:
    compare("handled.json", json.dumps(as_json(explain_run(plan, RUNS["handled"])), indent=2) + "\n")


def compare(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
