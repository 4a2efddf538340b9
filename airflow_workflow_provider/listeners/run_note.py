"""A run's note: the schedule that started it and, when it has ended, why it ended as it did.

Airflow calls this in its scheduler and API server, inside of a transaction of its own: the note goes with it. A note
that a person has written or changed is left alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

    from airflow_workflow_provider.compiler.plan import Plan

log = logging.getLogger(__name__)

AUTHOR: Final = "airflow-workflow-provider"
"""The user of a note that was written here; Airflow puts a person's in its place when they change it."""

_ROOM: Final = 1000


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """A run starts, maybe for the second time: what was noted about its end is over."""
    _note(dag_run, "")


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """A run has succeeded."""
    _note(dag_run, msg)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """A run has failed."""
    _note(dag_run, msg)


def _note(dag_run: DagRun, msg: str) -> None:
    """Write the note of a workflow's run; no failure of it reaches the run or another listener."""
    from sqlalchemy.orm import object_session

    try:
        plan = _plan(dag_run)
        if plan is None or object_session(dag_run) is None or not _is_free(dag_run):
            return  # without a session, as at the end of `dag.test()`, nobody keeps a note
        lines = [line for line in (_schedule(plan, dag_run), msg and _reason(plan, dag_run, msg)) if line]
        _write(dag_run, "\n\n".join(map(_fitting(len(lines)), lines)))
    except Exception:  # whatever is wrong with a note, the run must go on
        log.warning("the note of run '%s' of '%s' could not be written", dag_run.run_id, dag_run.dag_id, exc_info=True)


def _plan(dag_run: DagRun) -> Plan | None:
    """The plan that the run's version of the DAG was made from; ``None`` for a DAG that is no workflow."""
    dag = getattr(dag_run, "dag", None)
    for task in dag.task_dict.values() if dag is not None else ():
        text = getattr(task, "doc_json", None)
        if text:
            plan = _read_plan(text)
            if plan is not None and plan.workflow == dag_run.dag_id:
                return plan
    return None


@lru_cache(maxsize=64)
def _read_plan(text: str) -> Plan | None:
    from airflow_workflow_provider.compiler.plan_json import load_plan

    try:
        return load_plan(text)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # another DAG's task has a doc_json of its own


def _is_free(dag_run: DagRun) -> bool:
    note = dag_run.dag_run_note
    return note is None or note.user_id == AUTHOR or not note.content


def _write(dag_run: DagRun, text: str) -> None:
    if not text:
        if dag_run.dag_run_note is not None:
            dag_run.dag_run_note = None
    elif dag_run.dag_run_note is None:
        dag_run.note = (text, AUTHOR)
    elif dag_run.dag_run_note.content != text:
        dag_run.dag_run_note.content = text
        dag_run.dag_run_note.user_id = AUTHOR


def _fitting(lines: int) -> Callable[[str], str]:
    room = _ROOM // max(lines, 1) - 2
    return lambda line: line if len(line) <= room else f"{line[: room - 1]}…"


def _schedule(plan: Plan, dag_run: DagRun) -> str:
    """Name, cron expression and zone of the schedule that started the run, and the values that it gives to it."""
    from airflow_workflow_provider.runs.schedule import schedule_of_run

    kind = getattr(dag_run.run_type, "value", dag_run.run_type)
    schedule = schedule_of_run(str(kind), dag_run.run_id, dag_run.logical_date, plan.schedules)
    if schedule is None:
        return ""
    hidden = {variable.name for variable in plan.variables if variable.secret is not None} | set(dag_run.conf or {})
    values = [f"{name} = {_shown(value)}" for name, value in sorted(schedule.variables.items()) if name not in hidden]
    given = f"; {', '.join(values)}" if values else ""
    return f"schedule {schedule.name}: {schedule.cron} {schedule.timezone}{given}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reason(plan: Plan, dag_run: DagRun, msg: str) -> str:
    """Why a run ended as it did; nothing when no task failed and nobody stepped in."""
    state = str(getattr(dag_run.state, "value", dag_run.state))
    by_hand = "manually" in msg
    if plan.outcome is None and state == "success" and not by_hand:
        return ""  # where the leaves tell the run's state exactly, no task has failed
    # Not at the top: only here are the expectations needed.
    from airflow_workflow_provider.runs.ending import A_PERSON, BY_TASKS, ending
    from airflow_workflow_provider.runs.expectations import ALL_WELL

    states = _states(dag_run)
    said = _said_by_outcome(plan, dag_run, states)
    by = A_PERSON if by_hand else None if msg in BY_TASKS else msg
    reason = ending(plan, state, states, said, by)
    return "" if reason in ALL_WELL and state == "success" else reason


def _said_by_outcome(plan: Plan, dag_run: DagRun, states: Mapping[str, str]) -> str | None:
    """The reason that the run's outcome node has left, if XCom is Airflow's own.

    Only if the node ran: when a run is cleared and this time nothing fails, what it had left before is still there.
    """
    from airflow.configuration import conf
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    from airflow_workflow_provider.compiler.plan import REASON
    from airflow_workflow_provider.runs.states import RAN

    session = object_session(dag_run)
    if plan.outcome is None or session is None or states.get(plan.outcome.outcome) not in RAN:
        return None
    if not conf.get("core", "xcom_backend").endswith(".BaseXCom"):
        return None
    value = session.scalar(
        select(XComModel.value).where(
            XComModel.dag_run_id == dag_run.id, XComModel.task_id == plan.outcome.outcome, XComModel.key == REASON
        )
    )
    return value if isinstance(value, str) else None


def _states(dag_run: DagRun) -> Mapping[str, str]:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return {}
    found = session.execute(
        select(TaskInstance.task_id, TaskInstance.state).where(
            TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
        )
    )
    return {task: str(getattr(state, "value", state)) for task, state in found}
