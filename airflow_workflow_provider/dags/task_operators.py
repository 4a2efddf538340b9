"""The operators of a plan's tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator

from airflow_workflow_provider.compiler.plan import (
    OperatorWork,
    Plan,
    PlannedTask,
    PlannedVariable,
    SqlWork,
    Work,
    WorkflowWork,
)
from airflow_workflow_provider.dags import stored_classes
from airflow_workflow_provider.dags.errors import INTERRUPTIONS, BuildError, words_of
from airflow_workflow_provider.dags.imports import imported, operator_class
from airflow_workflow_provider.dags.node_arguments import task_arguments
from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.operators.variables import TaskVariables
from airflow_workflow_provider.operators.workflow_task import with_references, workflow_class

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


def task_operator(plan: Plan, task: PlannedTask, declared: Mapping[str, PlannedVariable]) -> BaseOperator:
    """The operator of a task, with what it knows of variables; ``declared`` are those of the workflow."""
    variables = TaskVariables(
        plan.workflow, plan.version, task.id, tuple(task.edges), task.scope, declared, plan.schedules, plan.stored
    )
    operator = _MAKERS[type(task.work)](plan, task)
    # Not as attributes one by one: Airflow looks for a converter, a default and templates whenever one is set.
    vars(operator).update(
        workflow_variables=variables,
        workflow_condition=task.condition,
        workflow_sets=task.work.set,
        workflow_text_is_stored=plan.stored and not (isinstance(task.work, OperatorWork) and task.work.package),
    )
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
        autocommit=work.autocommit,
        guarded=plan.stored,
        **task_arguments(plan, task),
    )


def _workflow_operator(plan: Plan, task: PlannedTask) -> BaseOperator:
    from airflow_workflow_provider.operators.workflow import WorkflowRunOperator

    assert isinstance(task.work, WorkflowWork)
    return WorkflowRunOperator(workflow=task.work.workflow, **task_arguments(plan, task))


def _any_operator(plan: Plan, task: PlannedTask) -> BaseOperator:
    work = task.work
    assert isinstance(work, OperatorWork)
    where: Location = ("tasks", task.id, "package" if work.package else "operator")
    base = operator_class(work.operator, where)
    guarded = plan.stored and not work.package
    if guarded and (problem := stored_classes.operator_problem(work.operator, base, work.arguments)):
        raise BuildError(problem, where)
    cls = workflow_class(base)
    arguments = with_references(work.arguments)
    for name, value in arguments.items():
        if name.endswith("_callable") and isinstance(value, str) and not guarded:
            arguments[name] = imported(value, (*where[:2], "arguments", name) if not work.package else where)
    common = task_arguments(plan, task)
    if (task.condition is not None or work.set) and issubclass(cls, EmptyOperator):
        common["on_execute_callback"] = _start_a_worker
    _refuse_reserved(common, arguments, where)
    try:
        operator = cls(**arguments, **common)
    except INTERRUPTIONS:
        raise
    except BaseException as error:
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


def _refusal(cls: type[BaseOperator], work: OperatorWork, error: BaseException) -> str:
    owner = f" of package '{work.package}'" if work.package else ""
    return f"{cls.__name__} refuses the arguments{owner}: {words_of(error)}"


_MAKERS: Final[Mapping[type[Work], Callable[[Plan, PlannedTask], BaseOperator]]] = {
    SqlWork: _sql_operator,
    WorkflowWork: _workflow_operator,
    OperatorWork: _any_operator,
}
