"""Which loaded workflows call which, from their plans."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_workflow_provider.compiler.plan import Plan, PlannedVariable, WorkflowWork
from airflow_workflow_provider.definitions.called_workflows import Call, CalledVariable, CalledWorkflow, CallGraph


def call_graph(loaded: Iterable[tuple[str, Plan | None]]) -> CallGraph:
    """The graph of all loaded workflows; of a broken one, which has no plan, only the name is known."""
    found = {name: _called(name, plan) for name, plan in loaded}
    return CallGraph(found.get, lambda: found)


def calls_of(plan: Plan) -> dict[str, Call]:
    """The calls of a workflow, by task."""
    return {
        task.id: Call(task.work.workflow, task.scope.given)
        for task in plan.tasks
        if isinstance(task.work, WorkflowWork)
    }


def _called(name: str, plan: Plan | None) -> CalledWorkflow:
    if plan is None:
        return CalledWorkflow(name)
    variables = {variable.name: _variable(variable) for variable in plan.variables}
    return CalledWorkflow(name, tuple(plan.workflows.values()), variables)


def _variable(variable: PlannedVariable) -> CalledVariable:
    needs_value = variable.required and variable.default is None
    return CalledVariable(variable.type, needs_value, variable.secret is not None)
