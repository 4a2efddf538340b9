"""Variables of a running task: where each value comes from, in the order that docs/semantics.md gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.compiler.plan import PlannedSchedule, PlannedVariable, Scope
from airflow_workflow_provider.definitions.diagnostics import suggestion, unknown_name
from airflow_workflow_provider.definitions.references import AS_IN_AIRFLOW, BUILT_INS, exact_reference
from airflow_workflow_provider.definitions.sandbox import Names, sandbox
from airflow_workflow_provider.definitions.values import to_json
from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.operators.secrets import holds_secret, read_secret
from airflow_workflow_provider.runs.resolution import Given, Sources, as_declared, resolve
from airflow_workflow_provider.runs.schedule import schedule_of_run

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class TaskVariables:
    """What a task knows of its variables before it runs; plain data of the plan."""

    workflow: str
    version: str
    task: str
    sources: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    declared: Mapping[str, PlannedVariable] = field(default_factory=dict)
    schedules: tuple[PlannedSchedule, ...] = ()
    stored: bool = False
    """Whether who wrote the task's texts is not trusted with what Airflow has in its templates."""


class RunVariables:
    """The values for one attempt of one task, each looked up when it is first read."""

    def __init__(self, task: TaskVariables, context: Context) -> None:
        self._task = task
        self._context = context
        self._package = None if task.scope.package is None else {v.name: v for v in task.scope.package}
        self._from_workflow: dict[str, Any] = {}

    def own(self, name: str) -> Any:
        """The value that the task's SQL, arguments or package see."""
        if name in BUILT_INS:
            return self._built_in(name)
        if self._package is not None and name not in self._package:
            raise VariableError(unknown_name("variable", name, {*self._package, *BUILT_INS}))
        declared = (self._package or self._task.declared).get(name)
        value = as_declared(name, self._own_value(name, declared), declared)
        if value is None and self._package is not None and declared is not None and declared.required:
            raise VariableError(
                f"variable '{name}' is required by the package and has no value; give it one in 'variables' of the "
                "task or of the workflow, or when starting the run"
            )
        return value

    def refuse_bad_overrides(self) -> None:
        """Raise ``VariableError`` for a value given to the run that no variable can take.

        Airflow's API has checked types by JSON Schema, which knows neither misspelt names nor days of a month. Names
        that resemble no variable are somebody else's.
        """
        declared = self._task.declared
        for name, value in self._sources.given.values.items():
            variable = declared.get(name)
            if variable is None:
                hint = suggestion(name, declared)
                if hint:
                    raise VariableError(f"the run was given '{name}', which is no variable of the workflow{hint}")
            elif variable.secret is not None:
                raise VariableError(f"the run was given a value for the secret '{name}'; start one without it")
            else:
                as_declared(name, value, variable)

    def is_secret(self, name: str) -> bool:
        """Whether the value of a variable that the task sees must not be shown."""
        declared = (self._package or self._task.declared).get(name)
        return declared is not None and declared.secret is not None

    def _own_value(self, name: str, declared: PlannedVariable | None) -> Any:
        if name in self._task.scope.given:
            return self.render(self._task.scope.given[name])
        if self._package is not None and declared is not None:
            if declared.secret is not None:
                return read_secret(declared.secret)
            if declared.default is not None:
                return declared.default
        if self._package is not None and name not in self._task.declared and name not in self._task.scope.setters:
            return None
        return self.workflow(name)

    def workflow(self, name: str) -> Any:
        """The value that the workflow has for the task: set upstream, given to the run, or the default."""
        if name in BUILT_INS:
            return self._built_in(name)
        if name not in self._from_workflow:
            setters = self._task.scope.setters.get(name, ())
            if name not in self._task.declared and not setters:
                raise VariableError(unknown_name("variable", name, {*self._task.declared, *BUILT_INS}))
            resolved = resolve(name, self._task.declared.get(name), setters, self._sources)
            self._from_workflow[name] = resolved.value
        return self._from_workflow[name]

    @cached_property
    def _sources(self) -> Sources:
        run = self._context["dag_run"]
        run_type = getattr(run.run_type, "value", run.run_type)
        schedule = schedule_of_run(run_type, run.run_id, run.logical_date, self._task.schedules)
        return Sources(
            given=Given.of(run.conf, schedule),
            succeeded=lambda task: self._states.get(task) == "success",
            value_set_by=lambda task, name: self._context["ti"].xcom_pull(task_ids=task, key=name, map_indexes=-1),
            secret=read_secret,
        )

    def render(self, value: Any) -> Any:
        """A value given on the task, with its templates filled from the workflow's variables."""
        if isinstance(value, str):
            name = exact_reference(value)
            if name is not None:
                return self.workflow(name)
            if "{" not in value:
                return value
            if self._task.stored:
                return sandbox().from_string(value).render(self.names(self.workflow))
            environment = self._context["task"].get_template_env()
            return environment.from_string(value).render({**self._context, "vars": VariablesView(self.workflow)})
        if isinstance(value, list):
            return [self.render(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self.render(item) for key, item in value.items()}
        return value

    def names(self, read: Callable[[str], Any]) -> dict[str, Any]:
        """All that there is for templates of a definition from the store."""
        return {**{name: self._built_in(name) for name in AS_IN_AIRFLOW}, "vars": VariablesView(read)}

    @cached_property
    def _states(self) -> Mapping[str, str]:
        """States of the tasks that matter here: direct sources and setters, asked for once."""
        setters = {setter for names in self._task.scope.setters.values() for setter in names}
        return task_states(self._context, sorted({*self._task.sources, *setters}))

    def _built_in(self, name: str) -> Any:
        context: Any = self._context
        if name == "workflow":
            return self._task.workflow
        if name == "workflow_version":
            return self._task.version
        if name == "task":
            return self._task.task
        if name == "failed_tasks":
            return [source for source in self._task.sources if self._states.get(source) == "failed"]
        if name == "last_success_at":
            value = context.get("prev_start_date_success")
            return getattr(value, "__wrapped__", value)  # Airflow's lazy proxy of None is not None, and no driver's
        if name == "ds" and context.get("logical_date") is None:
            return context["dag_run"].run_after.strftime("%Y-%m-%d")
        value = context.get(name)
        if isinstance(value, datetime) and self._sources.given.schedule is not None:
            return value.replace(microsecond=0)  # they tell the schedule (see runs.schedule)
        return value


class VariablesView(Names):
    """``vars`` in templates and conditions: ``vars.name`` and ``vars["name"]``.

    It has no names of its own, such as a mapping's ``items``, that could hide a variable's. Names that begin with
    ``_`` are no attributes, which a sandbox refuses, but items: templates look for both.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("vars cannot be listed; read a variable as vars.name")

    def __len__(self) -> int:
        raise TypeError("vars cannot be counted; read a variable as vars.name")


def task_states(context: Context, tasks: list[str]) -> dict[str, str]:
    """Airflow states of tasks of this run, by task id; tasks that have no state yet are missing."""
    if not tasks:
        return {}
    ti, run_id = context["ti"], context["run_id"]
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=tasks, run_ids=[run_id])
    return {task: str(getattr(state, "value", state)) for task, state in states.get(run_id, {}).items() if state}


def push_variable(context: Context, name: str, value: Any) -> None:
    """Keep a value that a task sets under its name, on the task's XCom tab."""
    context["ti"].xcom_push(key=name, value=refuse_unkept(name, value))


def refuse_unkept(name: str, value: Any) -> Any:
    """A value as it is kept; ``AirflowFailException`` for one that never can be: another attempt has the same."""
    try:
        encoded = to_json(value)
    except TypeError as error:
        raise AirflowFailException(f"variable '{name}': {error}") from None
    if holds_secret(encoded):
        raise AirflowFailException(
            f"variable '{name}' would hold a secret, which Airflow would store; set something else"
        )
    return encoded
