"""Plan → Airflow DAG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, Param, TaskGroup

from airflow_workflow_provider.compiler.groups import RUN_OUTCOME, group_label
from airflow_workflow_provider.compiler.plan import (
    Decision,
    Gate,
    OperatorWork,
    Plan,
    PlannedTask,
    PlannedVariable,
    RunOutcome,
    Scope,
    SqlWork,
    Wiring,
    Work,
    WorkflowWork,
)
from airflow_workflow_provider.dags import stored_classes
from airflow_workflow_provider.definitions.diagnostics import Location, suggestion
from airflow_workflow_provider.operators.decision import DecisionOperator
from airflow_workflow_provider.operators.run_outcome import RunOutcomeOperator
from airflow_workflow_provider.operators.variables import TaskVariables
from airflow_workflow_provider.operators.workflow_task import with_references, workflow_class

if TYPE_CHECKING:
    from airflow_workflow_provider.timetables.schedules import SchedulesTimetable

_DEFAULT_START: Final = datetime(2020, 1, 1, tzinfo=timezone.utc)
_DECISION_RETRIES: Final = 3
_DECISION_RETRY_DELAY: Final = timedelta(seconds=5)


class BuildError(Exception):
    """A plan that Airflow cannot build: an operator that does not import or refuses its arguments.

    ``location`` is the path inside the workflow definition.
    """

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.message = message
        self.location = location


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
        params={variable.name: _param(variable) for variable in plan.variables if variable.secret is None} or None,
        doc_md=_no_file(doc_md),
        **_limits(plan),
        **notifications,
    )
    declared = {variable.name: variable for variable in plan.variables}
    groups = _groups(dag, plan)
    for task in plan.tasks:
        operator = _task(plan, task, declared)
        if task.group:
            groups[task.group].add(operator)
        dag.add_task(operator)
    for gate in plan.gates:
        dag.add_task(_gate(plan, gate))
    for decision in plan.decisions:
        dag.add_task(_decision(plan, decision))
    if plan.outcome:
        _add_outcome(dag, plan, plan.outcome, declared)
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
        cls = _import(each.notifier, where)
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


# jsonschema checks "date-time" only where one more package is installed.
_DAY: Final = (
    r"[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
)
_DATETIME: Final = (
    rf"^{_DAY}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?(Z|[-+][0-9]{{2}}:?([0-9]{{2}})?)?)?$"
)
_SCHEMAS: Final[dict[str | None, dict[str, Any]]] = {
    None: {},
    "string": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time", "pattern": _DATETIME},
    "json": {"type": ["object", "array", "string", "number", "boolean", "null"]},
}


def _param(variable: PlannedVariable) -> Param:
    """The field of the trigger form; one without a default must be filled in."""
    schema = dict(_SCHEMAS[variable.type])
    if variable.required and "type" in schema:
        schema["type"] = [kind for kind in schema["type"] if kind != "null"]
    if variable.required and variable.default is None:
        return Param(description=variable.description, **schema)
    return Param(variable.default, description=variable.description, **schema)


def _node(plan: Plan, node: str, wiring: Wiring) -> dict[str, Any]:
    """Arguments of every operator."""
    given = {"task_id": node, "trigger_rule": wiring.rule.value}
    return {**given, "owner": plan.owner} if plan.owner else given


def _common(plan: Plan, task: PlannedTask) -> dict[str, Any]:
    """Arguments of every operator of a task; what the definition does not say is left to Airflow."""
    given = _node(plan, task.id, task.wiring)
    if task.retries is not None:
        given["retries"] = task.retries
    if task.retry_delay is not None:
        given["retry_delay"] = timedelta(seconds=task.retry_delay)
    if task.timeout is not None:
        given["execution_timeout"] = timedelta(seconds=task.timeout)
    if task.pool is not None:
        given["pool"] = task.pool
    if task.description is not None:
        given["doc_md"] = task.description
    return given


def _task(plan: Plan, task: PlannedTask, declared: Mapping[str, PlannedVariable]) -> BaseOperator:
    variables = TaskVariables(
        plan.workflow, plan.version, task.id, tuple(task.edges), task.scope, declared, plan.schedules
    )
    operator: Any = _MAKERS[type(task.work)](plan, task)
    operator.workflow_variables = variables
    operator.workflow_condition = task.condition
    operator.workflow_sets = task.work.set
    assert isinstance(operator, BaseOperator)
    return operator


def _sql_operator(plan: Plan, task: PlannedTask) -> BaseOperator:
    work = task.work
    assert isinstance(work, SqlWork)
    # Not at the top: a worker that runs no SQL does not pay for the SQL provider.
    from airflow_workflow_provider.operators.sql import WorkflowSQLOperator

    statements = list(work.statements)
    return WorkflowSQLOperator(
        sql=statements[0] if len(statements) == 1 else statements,
        conn_id=work.connection or None,
        set_variables=work.set,
        on_empty=work.on_empty,
        guarded=plan.stored,
        **_common(plan, task),
    )


def _workflow_operator(plan: Plan, task: PlannedTask) -> BaseOperator:
    from airflow_workflow_provider.operators.workflow import WorkflowRunOperator

    assert isinstance(task.work, WorkflowWork)
    return WorkflowRunOperator(workflow=task.work.workflow, **_common(plan, task))


def _any_operator(plan: Plan, task: PlannedTask) -> BaseOperator:
    work = task.work
    assert isinstance(work, OperatorWork)
    where: Location = ("tasks", task.id, "package" if work.package else "operator")
    operator_class = _operator_class(work.operator, where)
    guarded = plan.stored and not work.package
    if guarded and (problem := stored_classes.operator_problem(work.operator, operator_class, work.arguments)):
        raise BuildError(problem, where)
    cls = workflow_class(operator_class)
    arguments = with_references(work.arguments)
    for name, value in arguments.items():
        if name.endswith("_callable") and isinstance(value, str) and not guarded:
            arguments[name] = _import(value, (*where[:2], "arguments", name) if not work.package else where)
    common = _common(plan, task)
    if (task.condition is not None or work.set) and issubclass(cls, EmptyOperator):
        common["on_execute_callback"] = _start_a_worker
    _refuse_reserved(common, arguments, where)
    try:
        operator = cls(**arguments, **common)
    except Exception as error:
        raise BuildError(_refusal(cls, work, error), where) from error
    _refuse_untemplated(operator, arguments, where)
    if guarded:
        stored_classes.read_no_files(operator)
    return operator


def _start_a_worker(_: Any) -> None:
    """An EmptyOperator with a callback is not settled by the scheduler: its condition must be evaluated."""


def _refuse_reserved(common: Mapping[str, Any], arguments: Mapping[str, Any], where: Location) -> None:
    taken = {
        "retries": "retries",
        "retry_delay": "retry_delay",
        "execution_timeout": "timeout",
        "pool": "pool",
    }
    for name in ("task_id", "trigger_rule", "dag", "owner", *(name for name in taken if name in common)):
        if name in arguments:
            instead = f"; use the task's key '{taken[name]}'" if name in taken else "; the workflow sets it"
            raise BuildError(f"the argument '{name}' cannot be given here{instead}", where)


def _refuse_untemplated(operator: BaseOperator, arguments: Mapping[str, Any], where: Location) -> None:
    """A reference in an argument that the operator does not render would stay a text with braces."""
    for name, value in arguments.items():
        if name not in operator.template_fields and "{{ vars." in repr(value).replace("{{vars.", "{{ vars."):
            raise BuildError(
                f"the argument '{name}' of {type(operator).__name__} takes no templates, so no variable can be read "
                f"in it; templates work in: {', '.join(sorted(operator.template_fields)) or 'none'}",
                where,
            )


_MAKERS: Final[Mapping[type[Work], Callable[[Plan, PlannedTask], BaseOperator]]] = {
    SqlWork: _sql_operator,
    WorkflowWork: _workflow_operator,
    OperatorWork: _any_operator,
}


@cache
def _operator_class_cached(path: str) -> type[BaseOperator]:
    cls = _resolve(path)
    if not (isinstance(cls, type) and issubclass(cls, BaseOperator)):
        raise TypeError(f"'{path}' is not an operator class")
    return cls


def _operator_class(path: str, where: Location) -> type[BaseOperator]:
    try:
        return _operator_class_cached(path)
    except Exception as error:
        raise BuildError(_import_problem(path, error), where) from error


def _import(path: str, where: Location) -> Any:
    try:
        return _resolve(path)
    except Exception as error:
        raise BuildError(_import_problem(path, error), where) from error


def _resolve(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _import_problem(path: str, error: Exception) -> str:
    module, _, name = path.rpartition(".")
    if isinstance(error, AttributeError):
        known = [item for item in dir(import_module(module)) if not item.startswith("_")]
        return f"'{module}' has no '{name}'{suggestion(name, known)}"
    if isinstance(error, ModuleNotFoundError):
        return f"'{path}' cannot be imported: there is no module '{error.name}'; is its package installed?"
    return (
        f"'{path}' cannot be imported: {type(error).__name__}: {error}"
        if not isinstance(error, TypeError)
        else str(error)
    )


def _refusal(cls: type[BaseOperator], work: OperatorWork, error: Exception) -> str:
    owner = f" of package '{work.package}'" if work.package else ""
    return f"{cls.__name__} refuses the arguments{owner}: {error}"


def _gate(plan: Plan, gate: Gate) -> BaseOperator:
    return EmptyOperator(doc_md=f"Succeeds when {gate.meaning}.", **_node(plan, gate.id, gate.wiring))


def _decision(plan: Plan, decision: Decision) -> BaseOperator:
    return DecisionOperator(
        decides=decision.task,
        follows=decision.follows,
        constraint=decision.constraint,
        edges=decision.edges,
        retries=_DECISION_RETRIES,
        retry_delay=_DECISION_RETRY_DELAY,
        **_node(plan, decision.id, decision.wiring),
    )


def _add_outcome(dag: DAG, plan: Plan, outcome: RunOutcome, declared: Mapping[str, PlannedVariable]) -> None:
    """The nodes of the run's outcome, in a group of their own if there are several."""
    operator: Any = RunOutcomeOperator(
        mode=outcome.mode,
        tasks={task.id: (task.constraint, task.edges) for task in plan.tasks},
        decisions=tuple(decision.id for decision in plan.decisions),
        expect=plan.expect,
        retries=_DECISION_RETRIES,
        retry_delay=_DECISION_RETRY_DELAY,
        **_node(plan, outcome.outcome, outcome.wiring),
    )
    setters = plan.expect.setters if plan.expect else {}
    every_task = tuple(task.id for task in plan.tasks)
    operator.workflow_variables = TaskVariables(
        plan.workflow, plan.version, outcome.outcome, every_task, Scope(setters=setters), declared, plan.schedules
    )
    nodes = [*(_gate(plan, gate) for gate in outcome.gates), operator]
    if len(nodes) > 1:
        tooltip = "Makes the run's state what the definition's outcome says"
        group = TaskGroup(
            RUN_OUTCOME, prefix_group_id=False, group_display_name=group_label(RUN_OUTCOME), tooltip=tooltip, dag=dag
        )
        for node in nodes:
            group.add(node)
    for node in nodes:
        dag.add_task(node)


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
