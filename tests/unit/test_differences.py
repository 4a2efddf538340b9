"""Differences by meaning: what only looks different is none, and every change of meaning is told with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler.differences import (
    Change,
    Difference,
    package_differences,
    workflow_differences,
)
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import dotted
from airflow_workflow_provider.definitions.document import Document, parse
from airflow_workflow_provider.definitions.given import GivenSources, given_package
from airflow_workflow_provider.definitions.models import Package
from airflow_workflow_provider.definitions.reader import read_document
from tests.unit.shapes import Shape, shapes
from tests.workflows import words

WHOLE = (Path(__file__).parent / "golden" / "schema" / "whole_language.workflow.yaml").read_text(encoding="utf-8")
FILES = {"mark_failed.sql": "UPDATE campaigns SET failed = true"}
PACKAGES = {
    name: given_package(name, f"package: {name}\nrun: {{operator: a.B}}", f"{name}.package.yaml")
    for name in ("bootstrap_tables", "warm_cache")
}


def definition(data: Any, files: Mapping[str, str] = FILES) -> Definition:
    """Of data or a text; errors that are not of its shape do not matter here."""
    document = parse(data, "w.yaml") if isinstance(data, str) else Document("w.yaml", "", data)
    found = read_document(document, GivenSources(PACKAGES, files)).definition
    assert found is not None, read_document(document, GivenSources(PACKAGES, files)).diagnostics
    return found


def package(text: str) -> Package:
    found = given_package("p", text, "p.package.yaml")
    assert found.package is not None, found.diagnostics
    return found.package


def told(differences: tuple[Difference, ...]) -> dict[str, tuple[str, Any, Any]]:
    return {dotted(each.location): (each.change.value, each.before, each.after) for each in differences}


def shaped(shape: Shape) -> dict[str, Any]:
    tasks = {
        name: {
            "sql": f"SELECT '{name}'",
            "depends_on": {source: words(accepted) for source, accepted in edges.items()},
            "constraint": constraint,
        }
        for name, (constraint, edges) in shape.items()
    }
    return {"workflow": "w", "defaults": {"connection": "db"}, "tasks": tasks}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{a: {sql: SELECT 1}}", "{a: {sql: [' SELECT 1 ']}}"),
        ("{a: {sql: SELECT 1}, b: {sql: SELECT 2}}", "{b: {sql: SELECT 2}, a: {sql: SELECT 1} } # a comment"),
        ("{a: {sql: SELECT 1}, b: {sql: S, depends_on: a}}",
         "{a: {sql: SELECT 1}, b: {sql: S, depends_on: {a: [success]}, constraint: any}}"),
        ("{a: {sql: SELECT 1}, b: {sql: S, depends_on: {a: completion}}}",
         "{a: {sql: SELECT 1}, b: {sql: S, depends_on: {a: [failure, success]}}}"),
        ("{a: {sql: 'UPDATE campaigns SET failed = true'}}", "{a: {sql: mark_failed.sql}}"),
        ("{a: {sql: S, retry_delay: 60s, timeout: 1h, on_empty: 'null'}}",
         "{a: {sql: S, retry_delay: PT1M, timeout: 60m}}"),
        ("{a: {sql: S, retries: 3, connection: db}}\ndefaults: {retries: 1, connection: other}",
         "{a: {sql: S}}\ndefaults: {retries: 3, connection: db}"),
        ("{a: {sql: S}}\nvariables: {x: EU, y: null}", "{a: {sql: S}}\nvariables: {y: {}, x: {default: EU}}"),
        ("{a: {sql: S}}\nschedules: [{name: a, cron: '@daily'}, {name: b, cron: '@hourly', timezone: UTC}]",
         "{a: {sql: S}}\nschedules: [{name: b, cron: '@hourly'}, {name: a, cron: '@daily'}]"),
        ("{a: {sql: S}}\ntags: [x, y]\ncatchup: false\noutcome: strict\nexpect: {checks: x > 1}",
         "{a: {sql: S}}\ntags: [y, x]\nexpect: {checks: [x > 1], on_violation: fail}"),
    ],
)  # fmt: skip
def test_what_only_looks_different_is_no_difference(one: str, other: str) -> None:
    assert workflow_differences(*(definition(f"workflow: w\ntasks: {text}") for text in (one, other))) == ()


def test_phases_are_the_tasks_that_they_stand_for() -> None:
    before, after = (f"workflow: w\nphases: {phases}" for phases in ("[[a], [b]]", "[[a], [b, c]]"))
    assert told(workflow_differences(definition(before), definition(after))) == {
        "tasks.c": ("added", None, {"workflow": "c", "depends_on": {"a": ["success"]}, "phase": 2})
    }


@given(shapes())
def test_a_workflow_does_not_differ_from_itself(shape: Shape) -> None:
    assert workflow_differences(definition(shaped(shape)), definition(shaped(shape))) == ()


@given(shapes(), shapes())
def test_the_way_back_says_the_opposite(one: Shape, other: Shape) -> None:
    before, after = definition(shaped(one)), definition(shaped(other))
    back = {Change.ADDED: Change.REMOVED, Change.REMOVED: Change.ADDED, Change.CHANGED: Change.CHANGED}
    there = workflow_differences(before, after)
    expected = {repr(Difference(each.location, back[each.change], each.after, each.before)) for each in there}
    assert {repr(each) for each in workflow_differences(after, before)} == expected


@given(shapes(), st.data())
@settings(max_examples=200)
def test_every_change_of_a_task_or_an_edge_is_told_at_its_place(shape: Shape, data: st.DataObject) -> None:
    before = shaped(shape)
    after = copy.deepcopy(before)
    task = data.draw(st.sampled_from(sorted(shape)))
    mutations: dict[str, Callable[[], Any]] = {
        f"tasks.{task}.sql": lambda: after["tasks"][task].update(sql="SELECT 'other'"),
        f"tasks.{task}.retries": lambda: after["tasks"][task].update(retries=7),
        f"tasks.{task}.if": lambda: after["tasks"][task].update({"if": "vars.x"}),
        "tasks.new": lambda: after["tasks"].update(new={"sql": "SELECT 1"}),
    }
    edges = after["tasks"][task]["depends_on"]
    for source in edges:
        mutations[f"tasks.{task}.depends_on.{source}"] = partial(edges.pop, source)
    if len(edges) > 1:
        other = {"all": "any", "any": "all"}[after["tasks"][task]["constraint"]]
        mutations[f"tasks.{task}.constraint"] = lambda: after["tasks"][task].update(constraint=other)
    place = data.draw(st.sampled_from(sorted(mutations)))
    mutations[place]()
    found = told(workflow_differences(definition(before), definition(after)))
    # The constraint of a task that has one edge left says nothing any more.
    assert set(found) - {f"tasks.{task}.constraint"} == {place} - {f"tasks.{task}.constraint"}
    assert place in found


CHANGES: dict[str, tuple[str, Any]] = {
    "description": ("description", "Another"),
    "owner": ("owner", "sales"),
    "tags": ("tags", ["campaigns", "new"]),
    "schedule": ("schedule", "@daily"),
    "schedules.nightly.timezone": ("schedules.0.timezone", "Europe/Berlin"),
    "schedules.us.variables.region": ("schedules.1.variables.region", "CA"),
    "start_date": ("start_date", "2026-01-02"),
    "catchup": ("catchup", True),
    "max_active_runs": ("max_active_runs", 2),
    "outcome": ("outcome", "handled"),
    "variables.region.default": ("variables.region", "US"),
    "variables.active_campaign_id.type": ("variables.active_campaign_id.type", "number"),
    "variables.crm_token.from": ("variables.crm_token.from", "other_token"),
    "variables.channels.default[1]": ("variables.channels.1", "sms"),
    "variables.limits.default.daily": ("variables.limits.default.daily", 10.0),
    "expect.duration.max": ("expect.duration.max", "46m"),
    "expect.checks[0]": ("expect.checks.0", "rows_published > 1"),
    "expect.on_violation": ("expect.on_violation", "warn"),
    "notify.on_failure[0].arguments.to": ("notify.on_failure.0.arguments.to", "it@example.com"),
    "tasks.find_campaign.on_empty": ("tasks.find_campaign.on_empty", "fail"),
    "tasks.find_campaign.retries": ("tasks.find_campaign.retries", 0),
    "tasks.count_rows.sql[0]": ("tasks.count_rows.sql.0", "DELETE FROM older"),
    "tasks.count_rows.set.last_day": ("tasks.count_rows.set.last_day", "night"),
    "tasks.bootstrap_tables.package": ("tasks.bootstrap_tables.package", "warm_cache"),
    "tasks.bootstrap_tables.variables.campaign_id": ("tasks.bootstrap_tables.variables.campaign_id", 1),
    "tasks.mark_failed.depends_on.warm_cache": ("tasks.mark_failed.depends_on.warm_cache", ["failure"]),
    "tasks.mark_failed.constraint": ("tasks.mark_failed.constraint", "all"),
    "tasks.mark_failed.pool": ("tasks.mark_failed.pool", "other"),
    "tasks.call.operator": ("tasks.call.operator", "a.B"),
    "tasks.call.arguments.op_args[1]": ("tasks.call.arguments.op_args.1", 2),
    "tasks.refresh_metrics.workflow": ("tasks.refresh_metrics.workflow", "other"),
}


def changed(*places: str) -> dict[str, Any]:
    """The whole language with these changes."""
    after: dict[str, Any] = parse(WHOLE, "w.yaml").data
    for path, value in (CHANGES[place] for place in places):
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        node: Any = after
        for part in parents:
            node = node[part]
        node[last] = value
    return after


@pytest.mark.parametrize("place", CHANGES)
def test_every_part_of_the_language_is_compared(place: str) -> None:
    found = told(workflow_differences(definition(WHOLE), definition(changed(place))))
    assert set(found) == {place}
    assert found[place][0] in ("changed", "added")


def test_whole_parts_come_and_go() -> None:
    before = parse(WHOLE, "w.yaml").data
    for part in ("schedules", "variables", "expect", "notify", "owner", "tags"):
        after = {key: value for key, value in before.items() if key != part}
        found = workflow_differences(definition(before), definition(after))
        assert found, part
        assert {(each.location[0], each.change) for each in found} == {(part, Change.REMOVED)}


def test_a_default_of_all_tasks_is_told_of_the_tasks_that_it_changes() -> None:
    text = "workflow: w\ndefaults: {{retries: {}}}\ntasks: {{a: {{sql: S}}, b: {{sql: S, retries: 5}}}}"
    found = workflow_differences(definition(text.format(1)), definition(text.format(2)))
    assert told(found) == {"tasks.a.retries": ("changed", 1, 2)}


def test_the_text_of_a_sql_file_is_compared() -> None:
    text = "workflow: w\ntasks: {a: {sql: x.sql}}"
    before, after = (definition(text, {"x.sql": f"SELECT 1;\nSELECT {number};\n"}) for number in (2, 3))
    assert told(workflow_differences(before, after)) == {"tasks.a.sql[1]": ("changed", "SELECT 2", "SELECT 3")}


def test_a_task_that_does_something_else() -> None:
    before, after = (definition(f"workflow: w\ntasks: {{a: {{{work}}}}}") for work in ("sql: S", "operator: a.B"))
    assert {place: change for place, (change, _, _) in told(workflow_differences(before, after)).items()} == {
        "tasks.a.sql": "removed",
        "tasks.a.on_empty": "removed",
        "tasks.a.operator": "added",
    }


def test_packages_are_compared_too() -> None:
    before = package("package: p\nvariables: {x: 1}\nrun: {operator: a.B, arguments: {c: 1, d: [1]}}")
    after = package("package: p\ndescription: New\nvariables: {x: 1.0}\nrun: {operator: a.B, arguments: {d: [2]}}")
    assert package_differences(before, before) == ()
    assert told(package_differences(before, after)) == {
        "description": ("added", None, "New"),
        "variables.x.default": ("changed", 1, 1.0),
        "run.arguments.c": ("removed", 1, None),
        "run.arguments.d[0]": ("changed", 1, 2),
    }


def test_what_a_job_is_given_by_default_is_compared_as_given() -> None:
    job = "run: {aperture: {workflow: w"
    short = package(f"package: p\nvariables: {{x: 1}}\n{job}}}}}")
    long = package(f"package: p\nvariables: {{x: 1}}\n{job}, parameters: {{x: '{{{{ vars.x }}}}'}}}}}}")
    assert package_differences(short, long) == ()
    other = package(f"package: p\nvariables: {{x: 1}}\n{job}, max_duration: 2h}}}}")
    assert told(package_differences(short, other)) == {"run.aperture.max_duration": ("added", None, "2h")}


def test_packages_of_a_workflow_that_differ_are_told() -> None:
    workflow = parse("workflow: w\ntasks: {a: {package: p}}", "w.yaml")

    def with_package(operator: str) -> Definition:
        text = f"package: p\nrun: {{operator: {operator}}}"
        found = read_document(workflow, GivenSources({"p": given_package("p", text, "p.yaml")})).definition
        assert found is not None
        return found

    found = workflow_differences(with_package("a.B"), with_package("a.C"))
    assert told(found) == {"packages.p.run.operator": ("changed", "a.B", "a.C")}
