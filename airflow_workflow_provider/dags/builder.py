"""Plan → Airflow DAG: the DAG itself, its groups and its wiring."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, TaskGroup

from airflow_workflow_provider.compiler.groups import group_label
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags import stored_classes
from airflow_workflow_provider.dags.added_nodes import add_outcome, decision_operator, gate_operator
from airflow_workflow_provider.dags.errors import BuildError
from airflow_workflow_provider.dags.imports import imported
from airflow_workflow_provider.dags.params import params
from airflow_workflow_provider.dags.task_operators import task_operator
from airflow_workflow_provider.definitions.diagnostics import Location

if TYPE_CHECKING:
    from airflow_workflow_provider.timetables.schedules import SchedulesTimetable

_DEFAULT_START: Final = datetime(2020, 1, 1, tzinfo=timezone.utc)


def build_dag(plan: Plan, *, doc_md: str | None = None, plan_json: str | None = None, for_worker: bool = False) -> DAG:
    """The DAG of a plan; ``BuildError`` when an operator or a notifier cannot be made.

    ``plan_json`` travels as ``doc_json`` of the first task, so that every version that Airflow keeps of the DAG has
    the plan that it was made from: runs are explained by it. A worker only runs tasks and needs nothing that tells
    of runs.

    Operators are made outside of the DAG and then added: inside, Airflow would copy the DAG's params for each of them.
    """
    notifications = {} if for_worker else _notifications(plan)
    dag = _dag_class(notifications)(
        dag_id=plan.workflow,
        description=plan.description,
        schedule=_schedule(plan),
        start_date=_start_date(plan),
        catchup=plan.catchup,
        tags=list(plan.tags),
        params=params(plan) or None,
        doc_md=_no_file(doc_md),
        **_limits(plan),
        **notifications,
    )
    declared = {variable.name: variable for variable in plan.variables}
    groups = _groups(dag, plan)
    for task in plan.tasks:
        operator = task_operator(plan, task, declared)
        if task.group:
            groups[task.group].add(operator)
        dag.add_task(operator)
    for gate in plan.gates:
        dag.add_task(gate_operator(plan, gate))
    for decision in plan.decisions:
        dag.add_task(decision_operator(plan, decision))
    if plan.outcome:
        add_outcome(dag, plan, plan.outcome, declared)
    first: Any = dag.task_dict[plan.tasks[0].id]
    first.doc_json = plan_json
    _connect(dag, plan)
    return dag


def _no_file(doc_md: str | None) -> str | None:
    """A text that ends in ``.md`` is for Airflow the name of a file to be read."""
    return f"{doc_md}\n" if doc_md and doc_md.endswith(".md") else doc_md


def _limits(plan: Plan) -> dict[str, Any]:
    """What the definition does not limit keeps Airflow's setting."""
    return {"max_active_runs": plan.max_active_runs} if plan.max_active_runs else {}


def _notifications(plan: Plan) -> dict[str, Any]:
    """Callbacks and deadline of the DAG, once every notifier has been seen to be one."""
    if not plan.notify and not plan.expect:
        return {}
    # Not at the top: most workflows tell nobody.
    from airflow_workflow_provider.notifications.dag_arguments import notification_arguments
    from airflow_workflow_provider.notifications.notifiers import notifier_problem

    seen: dict[str, int] = {}
    for each in plan.notify:
        index = seen[each.event] = seen.get(each.event, -1) + 1
        where: Location = ("notify", each.event, index, "notifier")
        cls = imported(each.notifier, where)
        problem = stored_classes.notifier_problem(each.notifier, cls, each.arguments) if plan.stored else None
        problem = problem or notifier_problem(cls, each.arguments, each.event)
        if problem:
            raise BuildError(problem, where)
    return notification_arguments(plan)


def _dag_class(notifications: Mapping[str, Any]) -> type[DAG]:
    if "deadline" not in notifications:
        return DAG
    from airflow_workflow_provider.notifications.dag_arguments import DagWithDeadline

    return DagWithDeadline


def _start_date(plan: Plan) -> datetime | None:
    if plan.start_date is None:
        return _DEFAULT_START if plan.schedule or plan.schedules else None
    start = datetime.fromisoformat(plan.start_date)
    return start if start.tzinfo else start.replace(tzinfo=timezone.utc)


def _schedule(plan: Plan) -> str | SchedulesTimetable | None:
    if not plan.schedules:
        return plan.schedule
    # Not at the top: most workflows have one schedule at most, and Airflow's timetables take time to import.
    from airflow_workflow_provider.timetables.schedules import SchedulesTimetable

    return SchedulesTimetable([(each.name, each.cron, each.timezone) for each in plan.schedules])


def _groups(dag: DAG, plan: Plan) -> dict[str, TaskGroup]:
    """A frame for the tasks of each phase."""
    names = dict.fromkeys(task.group for task in plan.tasks if task.group)
    return {
        name: TaskGroup(name, prefix_group_id=False, group_display_name=group_label(name), dag=dag) for name in names
    }


def _connect(dag: DAG, plan: Plan) -> None:
    """Set both ends of every edge directly: ``set_upstream`` costs more than building the task."""
    nodes = dag.task_dict
    for name, wiring in plan.wirings():
        if wiring.upstream:
            nodes[name].upstream_task_ids.update(wiring.upstream)
            for source in wiring.upstream:
                nodes[source].downstream_task_ids.add(name)
