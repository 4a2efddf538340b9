"""Notes of runs, written through Airflow's own notification of a run's state, in a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.timetables.base import DataInterval
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import event, select

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan, PlannedSchedule, PlannedVariable
from airflow_workflow_provider.compiler.plan_json import dump_plan
from airflow_workflow_provider.dags.builder import build_dag
from airflow_workflow_provider.listeners import run_note
from airflow_workflow_provider.listeners.run_note import AUTHOR
from airflow_workflow_provider.runs.schedule import marks
from tests.unit.reading import HEAD, read

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

TICK = datetime(2026, 7, 1, 21, 30, tzinfo=timezone.utc)
TASKS = """
tasks:
  load: {operator: airflow.providers.standard.operators.bash.BashOperator, arguments: {bash_command: "true"}}
  tell:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {bash_command: "true"}
    depends_on: {load: failure}
"""
SCHEDULES = (
    HEAD
    + """
variables: {region: none, limit: 1}
schedules:
  - {name: nightly, cron: "30 23 * * *", timezone: Europe/Paris, variables: {region: EU}}
  - {name: us, cron: "30 17 * * *", timezone: America/New_York, variables: {region: US, limit: 5}}
"""
    + TASKS
)
_numbers = count()


def plan_of(folder: Path, text: str) -> Plan:
    reading = read(folder, text)
    assert reading.definition is not None, reading.diagnostics
    return replace(compile_workflow(reading.definition), workflow=f"noted-{next(_numbers)}")


def start(
    session: Any, dag: DAG, kind: str = "manual", schedule: str | None = None, conf: Mapping[str, Any] | None = None
) -> DagRun:
    """A run of a DAG that the dag processor has found, as the scheduler starts it."""
    dag.fileloc = dag.relative_fileloc = __file__
    serialized = LazyDeserializedDAG(data=DagSerialization.to_dict(dag))
    SerializedDAG.bulk_write_to_db("tests", None, [serialized], session=session)
    SerializedDagModel.write_dag(serialized, bundle_name="tests", session=session)
    session.flush()
    scheduler_dag = DagSerialization.from_dict(serialized.data)
    mark = marks(["nightly", "us"])[schedule] if schedule else 0
    logical_date: Any = TICK.replace(microsecond=mark)
    run = scheduler_dag.create_dagrun(
        run_id=f"{kind}__{logical_date.isoformat()}" + (f"__{schedule}" if kind == "scheduled" else ""),
        logical_date=logical_date,
        data_interval=DataInterval(logical_date, logical_date),
        run_after=logical_date,
        run_type=DagRunType(kind),
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        conf=dict(conf or {}),
        session=session,
    )
    run.dag = scheduler_dag
    session.commit()
    run.notify_dagrun_state_changed(msg="started")
    session.commit()
    return run


def start_plan(session: Any, plan: Plan, *arguments: Any) -> DagRun:
    return start(session, build_dag(plan, plan_json=dump_plan(plan)), *arguments)


def end(session: Any, run: DagRun, state: str, msg: str = "", **states: str) -> None:
    """The tasks end as they do, and the run."""
    for ti in session.scalars(
        select(TaskInstance).where(TaskInstance.run_id == run.run_id, TaskInstance.dag_id == run.dag_id)
    ):
        ti.state = TaskInstanceState(states.get(ti.task_id, "skipped"))
    session.commit()
    tell(session, run, state, msg or {"failed": "task_failure"}.get(state, state))


def tell(session: Any, run: DagRun, state: str, msg: str) -> None:
    run.set_state(DagRunState(state))
    run.notify_dagrun_state_changed(msg=msg)
    session.commit()


def note_of(session: Any, run: DagRun) -> str | None:
    """The note, as another process reads it."""
    session.expire_all()
    return run.note and str(run.note)


@pytest.mark.parametrize(
    ("kind", "schedule", "conf", "note"),
    [
        ("scheduled", "nightly", {}, "schedule nightly: 30 23 * * * Europe/Paris; region = EU"),
        ("scheduled", "us", {}, "schedule us: 30 17 * * * America/New_York; limit = 5, region = US"),
        ("backfill", "us", {}, "schedule us: 30 17 * * * America/New_York; limit = 5, region = US"),
        ("backfill", "us", {"region": "Mars"}, "schedule us: 30 17 * * * America/New_York; limit = 5"),
        ("backfill", "nightly", {"region": "Mars"}, "schedule nightly: 30 23 * * * Europe/Paris"),
        ("manual", "us", {}, None),
        ("asset_triggered", "us", {}, None),
    ],
)
def test_a_run_shows_its_schedule_from_the_beginning(
    session: Any, tmp_path: Path, kind: str, schedule: str, conf: Mapping[str, Any], note: str | None
) -> None:
    run = start_plan(session, plan_of(tmp_path, SCHEDULES), kind, schedule, conf)
    assert note_of(session, run) == note


@pytest.mark.parametrize(
    ("head", "ended", "states", "reason"),
    [
        ("", "success", {"load": "success"}, None),
        ("", "failed", {"load": "failed", "tell": "success"}, "failed: 'load'; handled: 'load' by 'tell'"),
        ("", "failed", {"load": "failed", "tell": "failed"}, "failed: 'load', 'tell'; handled: 'load' by 'tell'"),
        (
            "outcome: handled\n",
            "success",
            {"load": "failed", "tell": "success"},
            "every failure was handled: 'load' by 'tell'",
        ),
        (
            "outcome: handled\n",
            "failed",
            {"load": "failed", "tell": "failed"},
            "failed: 'tell'; handled: 'load' by 'tell'",
        ),
        ("outcome: handled\n", "success", {"load": "success"}, None),
    ],
)
def test_the_reason_is_added_when_the_run_ends(
    session: Any, tmp_path: Path, head: str, ended: str, states: dict[str, str], reason: str | None
) -> None:
    run = start_plan(session, plan_of(tmp_path, HEAD + head + TASKS))
    end(session, run, ended, **states)
    assert note_of(session, run) == reason


def test_schedule_and_reason_stand_together_and_a_run_that_is_cleared_loses_its_reason(
    session: Any, tmp_path: Path
) -> None:
    run = start_plan(session, plan_of(tmp_path, SCHEDULES), "scheduled", "nightly")
    schedule = "schedule nightly: 30 23 * * * Europe/Paris; region = EU"
    end(session, run, "failed", load="failed", tell="success")
    assert note_of(session, run) == f"{schedule}\n\nfailed: 'load'; handled: 'load' by 'tell'"
    tell(session, run, "running", "started")
    assert note_of(session, run) == schedule
    end(session, run, "success", load="success")
    assert note_of(session, run) == schedule


def test_a_note_without_anything_left_to_say_goes(session: Any, tmp_path: Path) -> None:
    run = start_plan(session, plan_of(tmp_path, HEAD + TASKS))
    end(session, run, "failed", load="failed", tell="success")
    tell(session, run, "running", "started")
    assert note_of(session, run) is None
    end(session, run, "failed", load="failed", tell="success")
    assert note_of(session, run) == "failed: 'load'; handled: 'load' by 'tell'"


def test_a_state_set_by_hand_is_told(session: Any, tmp_path: Path) -> None:
    run = start_plan(session, plan_of(tmp_path, HEAD + TASKS))
    end(session, run, "success", "Dag Run's state was manually set to `success`.", load="success")
    assert note_of(session, run) == "a person set the run's state to success; no task failed"


def test_the_outcome_nodes_own_reason_is_told_only_when_it_ran(session: Any, tmp_path: Path) -> None:
    """It knows more than the states, such as broken expectations; XCom keeps it when the run is cleared."""
    from airflow.models.xcom import XComModel

    run = start_plan(session, plan_of(tmp_path, HEAD + "outcome: handled\n" + TASKS))
    XComModel.set(
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id="workflow.outcome",
        key="reason",
        value="a reason of its own",
        serialize=False,
        session=session,
    )
    end(session, run, "failed", **{"load": "failed", "tell": "success", "workflow.outcome": "failed"})
    assert note_of(session, run) == "a reason of its own"
    tell(session, run, "running", "started")
    end(session, run, "success", load="success")
    assert note_of(session, run) is None


def test_a_note_that_cannot_be_written_disturbs_nobody(session: Any, tmp_path: Path) -> None:
    run = start_plan(session, plan_of(tmp_path, SCHEDULES), "scheduled", "nightly")
    broken: Any = object()
    run.dag = broken
    run_note.on_dag_run_failed(run, "task_failure")
    session.commit()
    assert note_of(session, run) == "schedule nightly: 30 23 * * * Europe/Paris; region = EU"


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("no task failed; every expectation was met", None),
        ("broken expectation: it took 3s; on_violation: warn", "broken expectation: it took 3s; on_violation: warn"),
    ],
)
def test_a_run_that_met_its_expectations_has_nothing_to_say(
    session: Any, tmp_path: Path, reason: str, note: str | None
) -> None:
    from airflow.models.xcom import XComModel

    text = HEAD + "expect: {duration: {max: 1h}, on_violation: warn}\n" + TASKS
    run = start_plan(session, plan_of(tmp_path, text))
    XComModel.set(
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id="workflow.outcome",
        key="reason",
        value=reason,
        serialize=False,
        session=session,
    )
    end(session, run, "success", **{"load": "success", "workflow.outcome": "success"})
    assert note_of(session, run) == note


@pytest.mark.parametrize("author", ["jane", None])
def test_a_persons_note_is_never_touched(session: Any, tmp_path: Path, author: str | None) -> None:
    run = start_plan(session, plan_of(tmp_path, HEAD + TASKS))
    run.note = ("Ask Jane before you clear this.", author)
    session.commit()
    tell(session, run, "running", "started")
    end(session, run, "failed", load="failed")
    assert note_of(session, run) == "Ask Jane before you clear this."


def test_a_note_that_a_person_changed_is_theirs(session: Any, tmp_path: Path) -> None:
    run = start_plan(session, plan_of(tmp_path, SCHEDULES), "scheduled", "nightly")
    note: Any = run.dag_run_note
    assert note.user_id == AUTHOR
    note.content, note.user_id = f"{note.content} (delayed)", "jane"  # as Airflow's API does
    session.commit()
    end(session, run, "failed", load="failed")
    assert note_of(session, run) == "schedule nightly: 30 23 * * * Europe/Paris; region = EU (delayed)"


def test_a_note_has_room_in_the_database(session: Any, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCHEDULES)
    long = PlannedSchedule("nightly", "30 23 * * *", "Europe/Paris", {"region": "é" * 3000})
    run = start_plan(session, replace(plan, schedules=(long, plan.schedules[1])), "scheduled", "nightly")
    assert len(note_of(session, run) or "") <= 1000
    end(session, run, "failed", load="failed", tell="success")
    text = note_of(session, run) or ""
    assert len(text) <= 1000
    assert text.endswith("failed: 'load'; handled: 'load' by 'tell'")


def test_a_secret_is_never_in_a_note(session: Any, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCHEDULES)
    secret = PlannedVariable("region", secret="region")
    run = start_plan(session, replace(plan, variables=(secret,)), "scheduled", "nightly")
    assert note_of(session, run) == "schedule nightly: 30 23 * * * Europe/Paris"


@contextmanager
def statements(session: Any) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("doc", [None, "", "text", "[]", "3", '{"a": 1}', '{"workflow": 3}', '{"tasks": 3}', "null"])
def test_other_dags_get_no_note_and_no_query(session: Any, doc: str | None) -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator

    dag = DAG(f"other-{next(_numbers)}", schedule=None)
    for name in ("a", "b"):
        EmptyOperator(task_id=name, dag=dag).doc_json = doc
    run = start(session, dag)
    for state in ("running", "failed", "success"):
        run.set_state(DagRunState(state))
        session.commit()
        assert run.run_id
        assert run.dag_id
        assert run.state
        with statements(session) as found:
            run.notify_dagrun_state_changed(msg="manually")
        assert found == []
    assert note_of(session, run) is None


def test_the_plan_of_another_workflow_in_a_doc_is_not_taken(session: Any, tmp_path: Path) -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator

    dag = DAG(f"other-{next(_numbers)}", schedule=None)
    EmptyOperator(task_id="load", dag=dag).doc_json = dump_plan(plan_of(tmp_path, HEAD + TASKS))
    run = start(session, dag)
    end(session, run, "failed", load="failed")
    assert note_of(session, run) is None
