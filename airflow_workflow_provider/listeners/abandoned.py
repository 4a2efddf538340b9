"""Runs of sub-workflows that nobody waits for: found by their ids, and stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from airflow_workflow_provider.listeners.session_marks import STOPPING
from airflow_workflow_provider.runs.children import children_prefix, started_by
from airflow_workflow_provider.runs.states import GOING_ON, RUNS_UNDER_WAY

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

# None: the scheduler of a task that was about to start again has gone. A clear shows in the number of attempts.
_WAITING: Final = frozenset({None, *GOING_ON})
_NOTE_LENGTH: Final = 1000


def stop_abandoned(runs: Iterable[tuple[str, str]]) -> None:
    """Set to failed what the tasks of these runs (workflow, run id) have started and do not wait for any more.

    What the stopped runs have started in turn is stopped as well, however deep. Each run's children are stopped in a
    transaction of their own.
    """
    from airflow.utils.session import create_session

    pending = list(runs)
    while pending:
        workflow, run_id = pending.pop()
        # Not the scoped session: that is the one which the caller may have open.
        with create_session(scoped=False) as session:
            session.info[STOPPING] = True
            for child in list(_abandoned(session, workflow, run_id)):
                if _stop(session, child):
                    pending.append((child.dag_id, child.run_id))


def _abandoned(session: Session, workflow: str, run_id: str) -> Iterator[DagRun]:
    """Unfinished runs that tasks of this run have started and do not wait for."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

    prefix = children_prefix(workflow, run_id)
    query = select(DagRun).where(DagRun.state.in_(RUNS_UNDER_WAY), DagRun.run_id.startswith(prefix, autoescape=True))
    children = session.scalars(query).all()
    if not children:
        return
    state = session.scalar(select(DagRun.state).where(DagRun.dag_id == workflow, DagRun.run_id == run_id))
    rows = session.execute(
        select(TaskInstance.task_id, TaskInstance.state, TaskInstance.max_tries).where(
            TaskInstance.dag_id == workflow, TaskInstance.run_id == run_id
        )
    )
    tasks = {task: (_text(task_state), max_tries) for task, task_state, max_tries in rows}
    for child in children:
        parent = started_by(child.run_id, child.conf)
        if parent is not None and not is_waited_for(parent, _text(state), tasks.get(parent["task"])):
            yield child


def is_waited_for(parent: Mapping[str, Any], run_state: str | None, task: tuple[str | None, int] | None) -> bool:
    """Whether the task that started a child still waits for it.

    ``parent``: who started the child; ``run_state``: of the parent's run; ``task``: the task's state and Airflow's
    ``max_tries`` of it. Since a task was cleared it has another ``max_tries``.
    """
    if run_state not in RUNS_UNDER_WAY or task is None:
        return False
    state, max_tries = task
    return state in _WAITING and parent["last"] == max_tries + 1


def _stop(session: Session, child: DagRun) -> bool:
    """Set the run to failed, and say so in its note; ``False`` when its DAG is not there any more."""
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.models.dagbag import DBDagBag

    dag = DBDagBag().get_dag_for_run(dag_run=child, session=session)
    if dag is None:
        log.warning("Run %s of %s cannot be stopped: its DAG is gone", child.run_id, child.dag_id)
        return False
    set_dag_run_state_to_failed(dag=dag, run_id=child.run_id, commit=True, session=session)
    _note(child, "Stopped: the task that started it does not wait for it any more.")
    log.info("Stopped run %s of %s: nobody waits for it any more", child.run_id, child.dag_id)
    return True


def _note(run: Any, text: str) -> None:
    if run.dag_run_note is None:
        run.note = text
    elif text not in (run.dag_run_note.content or ""):  # scheduler and API server may both have seen the same change
        run.dag_run_note.content = f"{run.dag_run_note.content or ''}\n\n{text}".strip()[-_NOTE_LENGTH:]


def _text(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))
