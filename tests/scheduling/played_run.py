"""Compiled plans on Airflow's own scheduling code: ``DagRun.update_state`` and ``schedule_tis`` on a real database.

Only the workers are played: a task ends as the scenario says, decision nodes run their real ``execute``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow._shared.timezones import timezone
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags.builder import build_dag

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

BUNDLE = "tests"
_numbers = count()


@dataclass
class PlayedRun:
    """One DAG run. ``started`` holds what a worker was started for, in order."""

    dag: DAG
    run: DagRun
    session: Any
    started: list[str] = field(default_factory=list)

    def instances(self) -> dict[str, TaskInstance]:
        """The run's task instances by task."""
        found = self.session.scalars(select(TaskInstance).where(TaskInstance.run_id == self.run.run_id))
        return {ti.task_id: ti for ti in found}

    def states(self) -> dict[str, str | None]:
        """Airflow's states by task."""
        return {name: ti.state and str(ti.state) for name, ti in self.instances().items()}

    def schedule(self) -> list[str]:
        """Let the scheduler look at the run until nothing changes; the tasks that now wait for a worker."""
        before = None
        while (states := self.states()) != before and self.run.state == DagRunState.RUNNING:
            before = states
            self.session.expire_all()
            ready, _ = self.run.update_state(session=self.session, execute_callbacks=False)
            self.run.schedule_tis(ready, session=self.session)
            self.session.commit()
            self.session.expire_all()
        return sorted(name for name, state in self.states().items() if state == "scheduled")

    def finish(self, task: str, state: str) -> None:
        """A worker ends a task with a state of Airflow."""
        ti = self.instances()[task]
        ti.state = TaskInstanceState(state)
        ti.start_date = ti.end_date = timezone.utcnow()
        self.session.commit()

    def work(self, task: str, state_of: Callable[[str], str]) -> None:
        """Play the worker of a scheduled task: decision nodes really run, the others end as ``state_of`` says."""
        self.started.append(task)
        if "." in task:
            self.finish(task, self._decide(task))
        else:
            self.finish(task, state_of(task))

    def _decide(self, task: str) -> str:
        context: Any = {"ti": _WorkerSide(self, task), "run_id": self.run.run_id}
        try:
            operator: Any = self.dag.task_dict[task]
            operator.execute(context)
        except DownstreamTasksSkipped as skip:
            instances = self.instances()
            for name, _ in ((t, None) if isinstance(t, str) else t for t in skip.tasks):
                if instances[name].state is None:
                    self.finish(name, "skipped")
        except AirflowSkipException:
            return "skipped"
        except AirflowFailException:
            return "failed"
        return "success"


@dataclass
class _WorkerSide:
    """What a decision node asks of its task instance."""

    played: PlayedRun
    task_id: str
    map_index: int = -1

    @property
    def dag_id(self) -> str:
        return self.played.dag.dag_id

    @property
    def task(self) -> Any:
        return self.played.dag.task_dict[self.task_id]

    def get_task_states(self, *, dag_id: str, task_ids: Sequence[str], run_ids: Sequence[str]) -> dict[str, Any]:
        states = self.played.states()
        return {run_ids[0]: {name: states[name] for name in task_ids if states[name] is not None}}

    def xcom_push(self, key: str, value: Any) -> None:
        ti = self.played.instances()[self.task_id]
        from airflow.models.xcom import XComModel

        XComModel.set(
            key=key,
            value=value,
            dag_id=ti.dag_id,
            task_id=ti.task_id,
            run_id=ti.run_id,
            session=self.played.session,
        )


def start_run(plan: Plan, session: Any) -> PlayedRun:
    """Write the plan's DAG to the database as the dag processor does and start a run."""
    number = next(_numbers)
    dag = build_dag(replace(plan, workflow=f"{plan.workflow}-{number}"))
    dag.fileloc = dag.relative_fileloc = __file__
    serialized = LazyDeserializedDAG(data=DagSerialization.to_dict(dag))
    SerializedDAG.bulk_write_to_db(BUNDLE, None, [serialized], session=session)
    SerializedDagModel.write_dag(serialized, bundle_name=BUNDLE, session=session)
    session.flush()
    scheduler_dag = DagSerialization.from_dict(serialized.data)
    now = timezone.utcnow()
    run = scheduler_dag.create_dagrun(
        run_id=f"run-{number}",
        logical_date=None,
        data_interval=None,
        run_after=now,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        start_date=now,
        session=session,
    )
    run.dag = scheduler_dag
    session.commit()
    return PlayedRun(dag, run, session)


def play(plan: Plan, results: Mapping[str, str], session: Any, order: Callable[[list[str]], str] = min) -> PlayedRun:
    """A whole run: ``results`` are Airflow states per task, ``order`` picks which waiting task ends next."""
    played = start_run(plan, session)
    waiting = played.schedule()
    while waiting:
        played.work(order(waiting), lambda task: results[task])
        waiting = played.schedule()
    return played
