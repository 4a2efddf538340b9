"""Tells when runs of sub-workflows may have nobody left who waits for them, so that they are stopped.

Workers and triggerers cannot end a run, scheduler and API server can. Airflow tells them here of every run that
starts or ends, and nothing when a task is cleared or set to a state: for that, the state of task instances in memory
is watched.

Nothing is done at once. The objects belong to a transaction of Airflow's that may still be taken back, and holds
locks: what is to be done waits until it has been committed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.listeners import hookimpl
from sqlalchemy import event
from sqlalchemy.orm import Mapper, Session, object_session

from airflow_workflow_provider.listeners.session_marks import STOPPING
from airflow_workflow_provider.runs.states import GOING_ON

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)

OPERATOR: Final = "WorkflowRunOperator"
_MODULE: Final = "airflow.models.taskinstance"
_PENDING: Final = "airflow_workflow_provider.runs_to_look_at"


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """A child starts: its parent may have ended meanwhile, and an older child may be left of a cleared task.

    A run that was cleared starts again: likewise.
    """
    from airflow_workflow_provider.runs.children import started_by

    parent = started_by(dag_run.run_id, dag_run.conf)
    if parent is not None:
        _look_later(object_session(dag_run), parent["workflow"], parent["run_id"])
    if dag_run.clear_number and _has_workflow_tasks(dag_run):
        _look_later(object_session(dag_run), dag_run.dag_id, dag_run.run_id)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """A run has ended: whatever its tasks have started ends, too."""
    if _has_workflow_tasks(dag_run):
        _look_later(object_session(dag_run), dag_run.dag_id, dag_run.run_id)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """A run has ended: whatever its tasks have started ends, too."""
    if _has_workflow_tasks(dag_run):
        _look_later(object_session(dag_run), dag_run.dag_id, dag_run.run_id)


def watch_task_states() -> None:
    """Notice from now on when a ``workflow:`` task is cleared or set to a state in this process.

    Only processes that have Airflow's models can do that; this does not load them.
    """
    module = sys.modules.get(_MODULE)
    if module is not None and hasattr(module, "TaskInstance"):
        _watch(module.TaskInstance)
    elif not event.contains(Mapper, "mapper_configured", _watch_when_configured):
        event.listen(Mapper, "mapper_configured", _watch_when_configured)


def _watch_when_configured(_: Mapper[Any], mapped: type) -> None:
    if mapped.__module__ == _MODULE and mapped.__name__ == "TaskInstance":
        _watch(mapped)


def _watch(task_instance: Any) -> None:
    if not event.contains(task_instance.state, "set", _state_set):
        event.listen(task_instance.state, "set", _state_set)


def _state_set(ti: Any, state: Any, *_: Any) -> None:
    """A state that ends the waiting for a child, or none (cleared): look. Called for every change: no query here."""
    # What has not been loaded is not loaded for this.
    if ti.__dict__.get("operator") != OPERATOR or getattr(state, "value", state) in GOING_ON:
        return
    session = object_session(ti)
    if session is not None and STOPPING not in session.info:
        _look_later(session, ti.dag_id, ti.run_id)


def _has_workflow_tasks(dag_run: Any) -> bool:
    """Of a run whose DAG is not in memory it is not known: then the database is asked."""
    dag = getattr(dag_run, "dag", None)
    return dag is None or any(task.task_type == OPERATOR for task in dag.tasks)


def _look_later(session: Session | None, dag_id: str, run_id: str) -> None:
    """Look at a run's children when the session has committed; without a session, now."""
    if session is None:
        _look([(dag_id, run_id)])
        return
    session.info.setdefault(_PENDING, {})[dag_id, run_id] = None
    if not event.contains(session, "after_commit", _after_commit):
        event.listen(session, "after_commit", _after_commit)


def _after_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: nothing has reached the database yet
    pending: Mapping[tuple[str, str], None] = session.info.pop(_PENDING, {})
    if pending:
        _look(pending)


def _look(runs: Iterable[tuple[str, str]]) -> None:
    """Never raises: the scheduler and the API server have other things to do."""
    from airflow_workflow_provider.listeners.abandoned import stop_abandoned

    try:
        stop_abandoned(runs)
    except Exception:
        log.exception("Runs of sub-workflows that nobody waits for could not be stopped")
