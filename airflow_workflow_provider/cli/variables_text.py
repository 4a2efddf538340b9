"""Where the variables of a workflow, and those that a task reads, come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_workflow_provider.cli.console import printable
from airflow_workflow_provider.cli.loading import CompiledWorkflow
from airflow_workflow_provider.cli.words import value_text
from airflow_workflow_provider.compiler.plan import Plan, PlannedTask, PlannedVariable
from airflow_workflow_provider.definitions.models import Variable
from airflow_workflow_provider.definitions.reads import own_reads, scope_reads
from airflow_workflow_provider.definitions.references import BUILT_INS


def variable_lines(plan: Plan) -> Iterator[str]:
    """The workflow's variables."""
    setters: dict[str, list[str]] = {}
    for task in plan.tasks:
        for name in task.work.set:
            setters.setdefault(name, []).append(task.id)
    width = max(len(variable.name) for variable in plan.variables)
    kinds = max(len(variable.type or "any") for variable in plan.variables)
    for variable in plan.variables:
        parts = [origin(variable)]
        if variable.name in setters:
            parts.insert(0, f"set by {', '.join(setters[variable.name])}")
        yield f"  {variable.name:<{width}}  {variable.type or 'any':<{kinds}}  {printable('; '.join(parts))}"


def origin(variable: PlannedVariable | Variable) -> str:
    """Where its value comes from when nothing else gives one, and its description."""
    secret = variable.secret if isinstance(variable, PlannedVariable) else variable.from_
    parts = [_fallback(variable.default, variable.required, secret)]
    if variable.description:
        parts.append(" ".join(variable.description.split()))
    return "; ".join(parts)


def _fallback(default: Any, required: bool, secret: str | None) -> str:
    if secret is not None:
        return f"secret, from the Airflow Variable {secret}"
    if required and default is None:
        return "required"
    return "no default" if default is None else f"default {value_text(default)}"


def read_lines(workflow: CompiledWorkflow, task: PlannedTask) -> Iterator[str]:
    """Every variable that a task reads, with the places where its value is looked for, in this order."""
    own = [variable for _, variable in own_reads(workflow.definition, task.id)]
    if task.scope.package is not None:
        own += [variable.name for variable in task.scope.package]
    scope = [variable for _, variable in scope_reads(workflow.definition, task.id)]
    lines = {name: _own(workflow.plan, task, name) for name in own}
    lines |= {name: _of_workflow(workflow.plan, task, name) for name in scope if name not in lines}
    if not lines:
        return
    yield "    reads"
    width = max(map(len, lines))
    for name, places in lines.items():
        yield f"      {name:<{width}}  {printable(', else '.join(places))}"


def _own(plan: Plan, task: PlannedTask, name: str) -> list[str]:
    """For the task's SQL, arguments or package: what the task gives comes first."""
    if name in BUILT_INS:
        return ["built in"]
    if name in task.scope.given:
        return [f"given by the task: {value_text(task.scope.given[name])}"]
    if task.scope.package is None:
        return _of_workflow(plan, task, name)
    declared = next(each for each in task.scope.package if each.name == name)
    if declared.secret is not None:
        return [_secret(declared)]
    if declared.default is not None:
        return [f"given by the package: {value_text(declared.default)}"]
    known = name in task.scope.setters or any(each.name == name for each in plan.variables)
    return _of_workflow(plan, task, name) if known else ["null"]


def _of_workflow(plan: Plan, task: PlannedTask, name: str) -> list[str]:
    if name in BUILT_INS:
        return ["built in"]
    places = [f"set by {setter}" for setter in task.scope.setters.get(name, ())]
    declared = next((each for each in plan.variables if each.name == name), None)
    if declared is None:
        return [*places, "null"]
    if declared.secret is not None:
        return [_secret(declared)]
    if plan.schedules:
        places += ["given to the run", "given by its schedule"]
    else:
        places.append("given to the run")
    if declared.required and declared.default is None:
        return [*places[:-1], f"{places[-1]} (required)"]
    default = "null" if declared.default is None else f"the default {value_text(declared.default)}"
    return [*places, default]


def _secret(variable: PlannedVariable) -> str:
    return f"the Airflow Variable {variable.secret} (secret)"
