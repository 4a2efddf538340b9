"""Deadlines of runs that have failed in time: Airflow drops only those of successful runs, and later shows a run that
failed after a moment as one that missed its longest duration.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Drop the deadlines that lie ahead of the run's end; no failure of it reaches the run or another listener."""
    try:
        from sqlalchemy.orm import object_session

        session = object_session(dag_run)
        if session is None or not getattr(getattr(dag_run, "dag", None), "deadline", None):
            return
        from airflow.models import DagRun as Run
        from airflow.models.deadline import Deadline

        Deadline.prune_deadlines(session=session, conditions={Run.id: dag_run.id})
    except Exception:  # whatever is wrong with a deadline, the run must go on
        log.warning("deadlines of run '%s' of '%s' stay", dag_run.run_id, dag_run.dag_id, exc_info=True)
