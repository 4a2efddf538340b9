"""``runs`` and ``explain`` on Airflow's own metadata database: what they find, and what they say when they do not."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.cli.command_list import COMMANDS
from airflow_workflow_provider.cli.commands import explain, runs
from airflow_workflow_provider.cli.console import Console, UsageError, printable
from airflow_workflow_provider.cli.main import main
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.explain.records import workflows_of_run
from tests.explain.database import end_tasks, forget_version, instance, mark, named, push, start_run, write_dag
from tests.explain.runs import BASH, CHILD, START, at, plan_of

TEXT = f"""
workflow: w
variables: {{x: EU}}
defaults: {{connection: db}}
tasks:
  a: {{sql: "SELECT :x", set: [n]}}
  b: {{operator: {BASH}, arguments: {{bash_command: "true"}}, depends_on: a}}
""".replace("[n]", "n")

Store = Callable[..., Plan]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, TEXT)


def explained(run: str, workflow: str | None = None) -> dict[str, Any]:
    out = StringIO()
    assert explain.run(Namespace(run=run, workflow=workflow, output="json"), Console(out, StringIO())) == 0
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def listed(name: str, limit: int = 20, state: str | None = None, output: str = "text") -> str:
    out = StringIO()
    arguments = Namespace(name=name, limit=limit, state=state, output=output)
    assert runs.run(arguments, Console(out, StringIO())) == 0
    return out.getvalue()


def reasons(run: dict[str, Any]) -> dict[str, str]:
    return {task["task"]: task["reason"] for task in run["tasks"]}


def test_a_run_is_found_by_its_id_alone_or_with_its_workflow(plan: Plan, session: Any) -> None:
    dag = write_dag(named(plan, "alone"), session)
    start_run(dag, "only-here", session, conf={"x": "US"})
    end_tasks("alone", "only-here", {"a": "success", "b": "running"}, session)
    # A text that looks like a number stays a text.
    push("alone", "only-here", "a", "n", "42", session)
    for given in (("only-here", None), ("only-here", "alone"), ("alone/only-here", None), ("alone/latest", None)):
        run = explained(*given)
        assert (run["workflow"], run["run"], run["state"]) == ("alone", "only-here", "running")
    assert run["started_by"] == "the UI (ada)"
    assert reasons(run) == {"a": "ran: it has no edges", "b": "runs: 'a' succeeded (edge: on success)"}
    assert {each["variable"]: each["values"][0]["value"] for each in run["variables"]} == {"x": "US", "n": "42"}


def test_a_run_id_of_several_workflows_needs_one_of_their_names(plan: Plan, session: Any) -> None:
    for name in ("several-1", "several-2"):
        start_run(write_dag(named(plan, name), session), "same", session)
    with pytest.raises(UsageError) as error:
        explained("same")
    assert str(error.value) == (
        "several workflows have a run 'same': 'several-1', 'several-2'; add --workflow, or write several-1/same"
    )
    assert explained("several-2/same")["workflow"] == "several-2"
    assert explained("same", "several-1")["workflow"] == "several-1"


def test_a_run_is_explained_by_the_definition_that_it_ran_with(plan: Plan, tmp_path: Path, session: Any) -> None:
    start_run(write_dag(named(plan, "changed"), session), "old", session)
    end_tasks("changed", "old", {"a": "success", "b": "success"}, session)
    other = plan_of(tmp_path, TEXT.replace("b:", "c:"))
    newer = write_dag(named(other, "changed"), session)
    start_run(newer, "new", session)
    assert set(reasons(explained("changed/old"))) == {"a", "b"}
    assert set(reasons(explained("changed/new"))) == {"a", "c"}


def test_a_run_whose_definition_changed_under_it_is_explained_by_the_newest(
    plan: Plan, tmp_path: Path, session: Any
) -> None:
    start_run(write_dag(named(plan, "under"), session), "going", session)
    end_tasks("under", "going", {"a": "success"}, session)
    other = plan_of(tmp_path, TEXT.replace("b:", "c:"))
    start_run(write_dag(named(other, "under"), session), "next", session)
    # What the scheduler does with tasks that have not ended, in a bundle without versions.
    for name in ("b",):
        moved = instance("under", "going", name, session)
        moved.dag_version_id = instance("under", "next", "a", session).dag_version_id
        moved.state = "removed"
    session.commit()
    assert reasons(explained("under/going")) == {
        "a": "ran: it has no edges",
        "c": "will start: 'a' succeeded (edge: on success)",
        "b": "did not run: it was taken out of the workflow during the run",
    }


def test_a_person_who_ended_a_task_or_a_run_is_told(plan: Plan, session: Any) -> None:
    start_run(write_dag(named(plan, "marked"), session), "r", session, state="failed")
    end_tasks("marked", "r", {"a": "failed", "b": "skipped"}, session)
    mark("patch_task_instance", "marked", "r", {"new_state": "failed"}, session, task="a")
    mark("patch_task_instance", "marked", "r", {"note": "no state"}, session, task="b")
    mark("patch_dag_run", "marked", "r", {"state": "failed"}, session)
    run = explained("marked/r")
    assert run["reason"] == "a person set the run's state to failed; failed: 'a'"
    assert reasons(run)["a"] == "a person set its state to failed"


@pytest.fixture
def known(plan: Plan, session: Any) -> None:
    """A workflow `known` with a run `explained-run`, and one that has never run."""
    dag = write_dag(named(plan, "known"), session)
    if not workflows_of_run("explained-run", session):
        start_run(dag, "explained-run", session)
    write_dag(named(plan, "never-ran"), session)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("no-such-run", None), "there is no run 'no-such-run'"),
        (("explained-rum", None), "there is no run 'explained-rum'; did you mean 'explained-run'?"),
        (("latest", None), "the latest run of which workflow? write NAME/latest, or add --workflow"),
        (("known/explained-rum", None), "workflow 'known' has no run 'explained-rum'; did you mean 'explained-run'?"),
        (("latest", "knwon"), "unknown workflow 'knwon'; did you mean 'known'?"),
        (("latest", "never-ran"), "workflow 'never-ran' has not run yet"),
        (("", None), "there is no run ''"),
        (("/", None), "unknown workflow ''"),
        (("a\x1b[31m\nb", None), "there is no run 'a\\x1b[31m\\nb'"),
        (("a\x1b[31m/\nb", None), "unknown workflow 'a\\x1b[31m'"),
    ],
)
@pytest.mark.usefixtures("known")
def test_what_does_not_exist_is_a_sentence(given: tuple[str, str | None], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        explained(*given)
    assert printable(str(error.value)).startswith(sentence), "as the command writes it"


def test_dags_that_are_no_workflows_say_so(plan: Plan, session: Any) -> None:
    start_run(write_dag(named(plan, "foreign"), session, with_plan=False), "r", session)
    for ask in (lambda: explained("foreign/r"), lambda: explained("foreign/latest"), lambda: listed("foreign")):
        with pytest.raises(UsageError, match=r"^'foreign' has no run that can be explained: it is not a workflow of"):
            ask()


def test_a_doc_of_somebody_else_is_no_plan(plan: Plan, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate(('{"title": "docs"}', "[]", "{", '{"workflow": "x"}', "null", "5")):
        monkeypatch.setattr("tests.explain.database.dump_plan", lambda _, text=text: text)
        start_run(write_dag(named(plan, f"documented-{number}"), session), "r", session)
        with pytest.raises(UsageError, match="has no run that can be explained"):
            explained(f"documented-{number}/r")


def test_versions_that_airflow_has_forgotten_are_told(plan: Plan, session: Any) -> None:
    start_run(write_dag(named(plan, "forgotten"), session), "r", session, state="success")
    forget_version("forgotten", session)
    with pytest.raises(UsageError, match="or Airflow has no version of it that was made by this release"):
        explained("forgotten/r")


def test_runs_are_listed_newest_first(plan: Plan, session: Any) -> None:
    dag = write_dag(named(plan, "listed"), session)
    start = START
    start_run(dag, "first", session, state="failed", start_date=start)
    start_run(dag, CHILD.child_run_id, session, conf=CHILD.conf({}), start_date=start)
    end_tasks("listed", "first", {"a": "failed", "b": "upstream_failed"}, session)
    end_tasks("listed", CHILD.child_run_id, {"a": "running"}, session)
    from airflow.models.dagrun import DagRun
    from sqlalchemy import update

    session.execute(update(DagRun).where(DagRun.run_id == "first").values(end_date=at(180)))
    session.commit()
    newest, oldest = [re.split(r"  +", line) for line in listed("listed").splitlines()]
    assert oldest == ["✗ first", "failed", "2026-01-31 08:00:00 UTC", "3m", "the UI (ada)", "failed: 'a'"]
    assert newest[:3] == [f"▶ {CHILD.child_run_id}", "running", "2026-01-31 08:00:00 UTC"]
    assert newest[4:] == ["task 'restock' of workflow 'launch', run manual__0", "running: 'a'; waiting: 'b'"]
    assert len({line.index("2026") for line in listed("listed").splitlines()}) == 1, "columns"
    assert listed("listed", limit=1).startswith("▶ ")
    assert listed("listed", state="failed").startswith("✗ first")
    assert listed("listed", state="success") == ""
    assert [each["run"] for each in json.loads(listed("listed", output="json"))] == [CHILD.child_run_id, "first"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("listde",), "unknown workflow 'listde'"),
        (("listed", 0), "--limit is 0; it must be 1 or more"),
        (("listed", -3), "--limit is -3; it must be 1 or more"),
    ],
)
def test_what_cannot_be_listed_is_a_sentence(
    plan: Plan, session: Any, arguments: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(UsageError) as error:
        listed(*arguments)
    assert str(error.value).startswith(sentence)


def test_they_are_not_there_without_airflow(capsys: pytest.CaptureFixture[str]) -> None:
    assert {command.name for command in COMMANDS if command.needs_airflow} >= {"runs", "explain"}
    assert main(["explain", "x"]) == 2
    assert capsys.readouterr().err == "error: 'explain' needs Airflow; run airflow workflows explain\n"
    assert main(["explian", "x"]) == 2
    assert "did you mean" not in capsys.readouterr().err
