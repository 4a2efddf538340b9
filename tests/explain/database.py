"""Runs in a real metadata database, put there as Airflow does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow._shared.timezones import timezone
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.compiler.plan_json import dump_plan
from airflow_workflow_provider.dags.builder import build_dag

BUNDLE = "tests"


def write_dag(plan: Plan, session: Any, *, with_plan: bool = True) -> SerializedDAG:
    """A new version of the plan's DAG, as the dag processor writes it."""
    dag = build_dag(plan, plan_json=dump_plan(plan) if with_plan else None)
    dag.fileloc = dag.relative_fileloc = __file__
    serialized = LazyDeserializedDAG(data=DagSerialization.to_dict(dag))
    SerializedDAG.bulk_write_to_db(BUNDLE, None, [serialized], session=session)
    SerializedDagModel.write_dag(serialized, bundle_name=BUNDLE, session=session)
    session.commit()
    return DagSerialization.from_dict(serialized.data)


def start_run(dag: SerializedDAG, run_id: str, session: Any, **more: Any) -> None:
    given: dict[str, Any] = {
        "run_type": DagRunType.MANUAL,
        "triggered_by": DagRunTriggeredByType.UI,
        "triggering_user_name": "ada",
        "state": DagRunState.RUNNING,
        "start_date": timezone.utcnow(),
        "logical_date": None,
        "data_interval": None,
        "run_after": timezone.utcnow(),
    }
    run = dag.create_dagrun(run_id=run_id, session=session, **{**given, **more})
    run.dag = dag
    session.commit()


def end_tasks(workflow: str, run_id: str, states: Mapping[str, str], session: Any) -> None:
    for name, state in states.items():
        found = instance(workflow, run_id, name, session)
        found.state = TaskInstanceState(state)
        if state in ("success", "failed", "running"):
            found.try_number, found.start_date = 1, timezone.utcnow()
            found.end_date = timezone.utcnow()
    session.commit()


def instance(workflow: str, run_id: str, task: str, session: Any) -> TaskInstance:
    found = session.scalar(
        select(TaskInstance).where(
            TaskInstance.dag_id == workflow, TaskInstance.run_id == run_id, TaskInstance.task_id == task
        )
    )
    assert isinstance(found, TaskInstance)
    return found


def push(workflow: str, run_id: str, task: str, key: str, value: Any, session: Any) -> None:
    """An XCom as the execution API keeps it: the value that the worker has sent, as it is."""
    XComModel.set(key=key, value=value, dag_id=workflow, task_id=task, run_id=run_id, serialize=False, session=session)
    session.commit()


def mark(
    event: str,
    workflow: str,
    run_id: str,
    details: Any,
    session: Any,
    *,
    task: str | None = None,
    at: datetime | None = None,
) -> None:
    """What the audit log keeps of a person's click."""
    entry = Log(event, dag_id=workflow, run_id=run_id, task_id=task, extra=json.dumps(details))
    entry.dttm = at or timezone.utcnow()
    session.add(entry)
    session.commit()


def forget_version(workflow: str, session: Any) -> None:
    """What `airflow db clean` does."""
    session.execute(update(TaskInstance).where(TaskInstance.dag_id == workflow).values(dag_version_id=None))
    session.execute(update(DagRun).where(DagRun.dag_id == workflow).values(created_dag_version_id=None))
    session.execute(delete(SerializedDagModel).where(SerializedDagModel.dag_id == workflow))
    session.execute(delete(DagVersion).where(DagVersion.dag_id == workflow))
    session.commit()


def named(plan: Plan, name: str) -> Plan:
    return replace(plan, workflow=name)
