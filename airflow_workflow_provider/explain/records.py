"""Runs in Airflow's metadata database. For the command line and the API server; tasks may not read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow_workflow_provider.compiler.plan import BROKEN_EXPECTATIONS, REASON, Plan
from airflow_workflow_provider.compiler.plan_json import load_plan
from airflow_workflow_provider.definitions.diagnostics import unknown_name
from airflow_workflow_provider.exceptions import WorkflowException
from airflow_workflow_provider.explain.record import RUN, Mark, RunRecord, TaskRecord

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

_MARKS: Final = ("patch_task_instance", "patch_task_group_instances", "patch_dag_run")
_SUGGESTED: Final = 200


class ExplanationError(WorkflowException):
    """Airflow has no plan of the run; the text says so in one sentence."""


class RunNotFoundError(ExplanationError):
    """There is no such run or workflow; the text names the nearest ones."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run and the plan of the definition that it ran with."""

    plan: Plan
    record: RunRecord


def find_run(workflow: str, run_id: str, session: Session) -> RecordedRun:
    """A run of a workflow; ``RunNotFoundError`` when there is none, ``ExplanationError`` for no workflow's."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    found = session.scalar(select(DagRun).where(DagRun.dag_id == workflow, DagRun.run_id == run_id))
    if found is None:
        _refuse_unknown_workflow(workflow, session)
        raise RunNotFoundError(f"workflow '{workflow}' has no run '{run_id}'{_nearest_run(run_id, session, workflow)}")
    [run] = _recorded([found], session)
    if run is None:
        raise ExplanationError(_no_plan(workflow))
    return run


def workflows_of_run(run_id: str, session: Session) -> list[str]:
    """The DAGs that have a run of that id."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return list(session.scalars(select(DagRun.dag_id).where(DagRun.run_id == run_id).order_by(DagRun.dag_id)))


def latest_runs(workflow: str, session: Session, *, limit: int, state: str | None = None) -> list[RecordedRun]:
    """The runs of a workflow, newest first; those that Airflow has no plan of are left out.

    ``RunNotFoundError`` when no DAG has the name, ``ExplanationError`` when none of its runs has a plan.
    """
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    query = select(DagRun).where(DagRun.dag_id == workflow).order_by(DagRun.id.desc()).limit(limit)
    query = query.options(joinedload(DagRun.dag_run_note))
    rows = session.scalars(query if state is None else query.where(DagRun.state == state)).all()
    if not rows:
        _refuse_unknown_workflow(workflow, session)
    found = [run for run in _recorded(rows, session) if run is not None]
    if rows and not found:
        raise ExplanationError(_no_plan(workflow))
    return found


def _recorded(rows: Sequence[DagRun], session: Session) -> list[RecordedRun | None]:
    """Each run with its plan and nodes; four queries for all of them, and one for each version."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    if not rows:
        return []
    ids, workflow = [row.run_id for row in rows], rows[0].dag_id
    instances: dict[str, list[TaskInstance]] = {}
    query = select(TaskInstance).where(TaskInstance.dag_id == workflow, TaskInstance.run_id.in_(ids))
    for instance in session.scalars(query):
        instances.setdefault(instance.run_id, []).append(instance)
    plans = _Plans(session)
    found = [plans.of_run(row, instances.get(row.run_id, [])) for row in rows]
    xcoms = _xcoms(workflow, ids, _keys(plan for plan in found if plan is not None), session)
    marked = _marked(workflow, ids, session)
    return [
        RecordedRun(
            plan,
            _record(row, instances.get(row.run_id, []), xcoms.get(row.run_id, {}), marked.get(row.run_id, {})),
        )
        if plan is not None
        else None
        for row, plan in zip(rows, found, strict=True)
    ]


def _record(
    row: DagRun, instances: Iterable[Any], xcoms: Mapping[str, Mapping[str, Any]], marked: Mapping[str, Mark]
) -> RunRecord:
    return RunRecord(
        workflow=row.dag_id,
        run_id=row.run_id,
        run_type=_word(row.run_type) or "",
        state=_word(row.state) or "queued",
        read_at=datetime.now(timezone.utc),
        start=row.start_date,
        end=row.end_date,
        logical_date=row.logical_date,
        conf=row.conf if isinstance(row.conf, dict) else {},
        note=row.note,
        triggered_by=_word(row.triggered_by),
        user=row.triggering_user_name,
        tasks={
            each.task_id: TaskRecord(_word(each.state), each.try_number or 0, each.start_date, each.end_date)
            for each in instances
            if each.map_index < 0
        },
        xcoms=xcoms,
        marked=marked,
    )


def _word(value: Any) -> str | None:
    """Airflow's enums and plain texts alike."""
    return None if value is None else str(getattr(value, "value", value))


class _Plans:
    """Plans of DAG versions, each read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by_version: dict[Any, Plan | None] = {}

    def of_run(self, row: DagRun, instances: Iterable[Any]) -> Plan | None:
        """The plan that the run ran with.

        A run of a versioned bundle keeps its version. Without versions tasks follow the newest definition, so there it
        is the newest version that one of its tasks had.
        """
        versions = [row.created_dag_version_id]
        if not row.bundle_version:
            versions = [*self._newest_first({each.dag_version_id for each in instances}), *versions]
        return next((plan for each in versions if each is not None and (plan := self._of_version(each))), None)

    def _newest_first(self, versions: set[Any]) -> list[Any]:
        from airflow.models.dag_version import DagVersion
        from sqlalchemy import select

        if len(versions - {None}) < 2:
            return list(versions)
        query = select(DagVersion.id).where(DagVersion.id.in_(versions - {None}))
        return list(self._session.scalars(query.order_by(DagVersion.version_number.desc())))

    def _of_version(self, version: Any) -> Plan | None:
        if version not in self._by_version:
            self._by_version[version] = self._read(version)
        return self._by_version[version]

    def _read(self, version: Any) -> Plan | None:
        """From the task that bears it; the DAG is not deserialized, so neither timetables nor operators are needed."""
        from airflow.models.serialized_dag import SerializedDagModel
        from sqlalchemy import select

        serialized = self._session.scalar(
            select(SerializedDagModel).where(SerializedDagModel.dag_version_id == version)
        )
        data = serialized.data if serialized is not None else None
        for task in (data or {}).get("dag", {}).get("tasks", ()):
            text = task.get("__var", task).get("doc_json")
            if isinstance(text, str):
                try:
                    return load_plan(text)
                except (
                    ValueError,
                    TypeError,
                    KeyError,
                    AttributeError,
                ):  # somebody else's, or written by another version
                    continue
        return None


def _keys(plans: Iterable[Plan]) -> set[str]:
    """Keys of the XComs that explain a run: the variables that tasks set, and reasons."""
    keys = {REASON, BROKEN_EXPECTATIONS}
    for plan in plans:
        for task in plan.tasks:
            keys.update(task.work.set)
    return keys


def _xcoms(workflow: str, ids: Sequence[str], keys: set[str], session: Session) -> dict[str, dict[str, dict[str, Any]]]:
    """Run → task → key → value as stored: what tasks push is plain JSON, and a text stays a text."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    query = select(XComModel.run_id, XComModel.task_id, XComModel.key, XComModel.value).where(
        XComModel.dag_id == workflow, XComModel.run_id.in_(ids), XComModel.key.in_(keys), XComModel.map_index == -1
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for run_id, task, key, value in session.execute(query):
        found.setdefault(run_id, {}).setdefault(task, {})[key] = value
    return found


def _marked(workflow: str, ids: Sequence[str], session: Session) -> dict[str, dict[str, Mark]]:
    """Run → node → the last mark, from the audit log."""
    import json

    from airflow.models.log import Log
    from sqlalchemy import select

    query = (
        select(Log.run_id, Log.task_id, Log.event, Log.extra, Log.dttm)
        .where(Log.dag_id == workflow, Log.run_id.in_(ids), Log.event.in_(_MARKS))
        .order_by(Log.id)
    )
    found: dict[str, dict[str, Mark]] = {}
    for run_id, task, event, extra, time in session.execute(query):
        if run_id is None or time is None:
            continue
        try:
            details = json.loads(extra or "{}")
        except ValueError:
            continue
        state = details.get("state") if event == "patch_dag_run" else details.get("new_state")
        node = RUN if event == "patch_dag_run" else task
        if isinstance(state, str) and node is not None:
            found.setdefault(run_id, {})[node] = Mark(state, time)
    return found


def _refuse_unknown_workflow(workflow: str, session: Session) -> None:
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    known = session.scalars(select(DagModel.dag_id)).all()
    if workflow not in known:
        raise RunNotFoundError(unknown_name("workflow", workflow, known))


def nearest_run(run_id: str, session: Session) -> str:
    """``"; did you mean 'x'?"`` for a run id that no DAG has, or ``""``."""
    return _nearest_run(run_id, session, None)


def _nearest_run(run_id: str, session: Session, workflow: str | None) -> str:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    from airflow_workflow_provider.definitions.diagnostics import suggestion

    query = select(DagRun.run_id).order_by(DagRun.id.desc()).limit(_SUGGESTED)
    return suggestion(run_id, session.scalars(query if workflow is None else query.where(DagRun.dag_id == workflow)))


def _no_plan(workflow: str) -> str:
    return (
        f"'{workflow}' has no run that can be explained: it is not a workflow of this package, or Airflow has no "
        "version of it that was made by this release"
    )
