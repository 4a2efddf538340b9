"""What every task of a workflow adds to its operator: its condition and the variables its templates read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType, new_class
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_workflow_provider.compiler.plan import REASON, PlannedVariable
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.definitions.references import exact_reference
from airflow_workflow_provider.definitions.sandbox import sandbox, sandboxed_expression
from airflow_workflow_provider.definitions.values import describe, without_reserved_keys
from airflow_workflow_provider.exceptions import ConditionError, VariableError
from airflow_workflow_provider.operators.secrets import problem_without_secrets, without_secrets
from airflow_workflow_provider.operators.variables import RunVariables, TaskVariables, VariablesView, push_variable
from airflow_workflow_provider.operators.within_timeout import within_timeout
from airflow_workflow_provider.runs.resolution import as_declared

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import BaseOperator, Context

_ENVIRONMENTS: Final = re.compile(r"(^|_)(env|environment|env_vars)$")


def skip(context: Context, reason: str) -> NoReturn:
    """Skip the running task; the reason stays on its XCom tab, where ``explain`` finds it."""
    context["ti"].xcom_push(key=REASON, value=reason)
    raise AirflowSkipException(reason)


def is_resumed(context: Context) -> bool:
    """Whether the task comes back from the triggerer: what it decided before stays decided (no public name tells)."""
    server = getattr(context["ti"], "_ti_context_from_server", None)
    return bool(getattr(server, "next_method", None))


class WorkflowTask:
    """Marks an operator of a workflow; the DAG builder sets what it knows of its workflow.

    ``workflow_text_is_stored``: its arguments were written in a definition from the store, not in a package or a file.
    """

    workflow_variables: TaskVariables
    workflow_condition: str | None = None
    workflow_sets: Mapping[str, str | None] = MappingProxyType({})
    workflow_text_is_stored: bool = False

    def variables_if_it_runs(self, context: Context) -> RunVariables:
        """The task's variables, once its condition holds; skips the task when it is false, fails when it is undecided.

        This comes before templates are filled, so that a task that does not run reads nothing.
        """
        variables = RunVariables(self.workflow_variables, context)
        variables.refuse_bad_overrides()
        if self.workflow_condition is None or is_resumed(context):
            return variables
        try:
            holds = sandboxed_expression(self.workflow_condition)({"vars": VariablesView(variables.workflow)})
        except VariableError:
            raise
        except Exception as error:
            raise ConditionError(f"'if: {self.workflow_condition}' cannot be evaluated: {error}") from error
        if not holds:
            skip(context, f"the condition '{self.workflow_condition}' is false")
        return variables

    def finish(self, context: Context, result: Any) -> Any:
        """Set the variables that are filled from the result; the result as it may be stored."""
        for name, value in values_of(result, self.workflow_sets, self.workflow_variables.declared).items():
            push_variable(context, name, value)
        return without_reserved_keys(without_secrets(result))


def values_of(result: Any, sets: Mapping[str, str | None], declared: Mapping[str, PlannedVariable]) -> dict[str, Any]:
    """The variables that are filled from an operator's result, each as its declared type holds it.

    What cannot be had fails the task for good: another attempt would do the same work once more.
    """
    values = {name: _part(result, path, name) for name, path in sets.items()}
    for name, value in values.items():
        try:
            values[name] = as_declared(name, value, declared.get(name))
        except VariableError as error:
            raise AirflowFailException(problem_without_secrets(value, name, error)) from None
    return values


def _part(result: Any, path: str | None, variable: str) -> Any:
    """A part of a result by its dotted path: keys of mappings, positions in lists."""
    part = result
    for step in path.split(".") if path else ():
        if isinstance(part, Mapping) and step in part:
            part = part[step]
        elif isinstance(part, list | tuple) and step.isdigit() and int(step) < len(part):
            part = part[int(step)]
        else:
            raise AirflowFailException(
                f"variable '{variable}' is set from '{path}', but the result has no '{step}' there: {_what(part)}"
            )
    return part


def _what(part: Any) -> str:
    if isinstance(part, Mapping):
        return f"it has {quoted_list(map(str, part))}" if part else "it is empty"
    return f"it has {len(part)} items" if isinstance(part, list | tuple) else f"it is {describe(part)}"


@cache
def workflow_class(operator: type[BaseOperator]) -> type[BaseOperator]:
    """The operator's class, under its own name, with its templates filled from the variables of its task, and secrets
    taken out of its results.

    The operator comes first among the bases: Airflow would wrap ``__init__`` once more for a class whose first base
    has another one, which makes a quarter of an operator's cost.
    """
    if issubclass(operator, WorkflowTask):
        return operator

    @within_timeout
    def render_template_fields(self: Any, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        variables = self.variables_if_it_runs(context)
        if self.workflow_text_is_stored:
            # In place of Airflow's context and environment: a text that gets past every check finds nothing there.
            operator.render_template_fields(self, variables.names(variables.own), sandbox())
            return
        context["vars"] = VariablesView(variables.own)  # type: ignore[typeddict-unknown-key]
        operator.render_template_fields(self, context, jinja_env)

    def execute(self: Any, context: Context) -> Any:
        return self.finish(context, operator.execute(self, context))

    def resume_execution(self: Any, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        return self.finish(context, operator.resume_execution(self, next_method, next_kwargs, context))

    members = {
        "__module__": operator.__module__,
        "__doc__": operator.__doc__,
        "render_template_fields": render_template_fields,
        "execute": execute,
        "resume_execution": resume_execution,
    }
    made: type[BaseOperator] = new_class(
        operator.__name__, (operator, WorkflowTask), {}, lambda body: body.update(members)
    )
    return made


class VariableReference:
    """An argument that is exactly one variable: it is replaced by the value, not by its text."""

    def __init__(self, name: str, *, as_text: bool = False) -> None:
        self.name = name
        self.as_text = as_text

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value in the scope of the running task (Airflow calls this when it renders templates)."""
        value = context["vars"][self.name]
        return _text(value) if self.as_text else value

    def __repr__(self) -> str:
        return f"{{{{ vars.{self.name} }}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VariableReference) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(self.name)


def with_references(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with every value that is exactly one reference replaced by a ``VariableReference``.

    Inside an environment (``env``, ``environment``, ``env_vars``) values become text, as processes only know text.
    """
    return {
        name: _with_references(value, as_text=bool(_ENVIRONMENTS.search(name))) for name, value in arguments.items()
    }


def _with_references(value: Any, *, as_text: bool) -> Any:
    if isinstance(value, str):
        name = exact_reference(value)
        return value if name is None else VariableReference(name, as_text=as_text)
    if isinstance(value, list):
        return [_with_references(item, as_text=as_text) for item in value]
    if isinstance(value, dict):
        return {key: _with_references(item, as_text=as_text) for key, item in value.items()}
    return value


def _text(value: Any) -> str:
    """How a value looks in an environment: null is empty, booleans and dates as YAML writes them, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
