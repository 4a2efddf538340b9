"""The definition language as models: what a workflow and a package may say (shared words: see docs/reference.md).

Models hold what was written, in one normal form; what must hold *between* parts of a definition is checked by the
rules. Everything is strict: ``"2"`` is no integer and ``1`` no boolean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PlainValidator, Tag
from pydantic_core import PydanticCustomError

from airflow_workflow_provider.definitions.durations import PATTERN, parse_duration
from airflow_workflow_provider.definitions.values import describe, parse_date, parse_datetime

Accept: TypeAlias = Literal["success", "failure", "completion", "skipped"]
ConstraintKind: TypeAlias = Literal["all", "any"]
VariableType: TypeAlias = Literal["string", "integer", "number", "boolean", "date", "datetime", "json"]

WORKFLOW_NAME: Final = r"^[\w.\-]+$"
TASK_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_\-]*$"
VARIABLE_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


def _dag_id(name: str) -> str:
    """Airflow reads names with Python's ``re``, for which a combining mark is no letter; for pydantic it is one."""
    if re.fullmatch(r"[\w.\-]+", name):
        return name
    raise PydanticCustomError("dag_id", "'{name}' is not a valid name; {hint}", {"name": name, "hint": _DAG_ID_HINT})


_DAG_ID_HINT: Final = "expected letters, digits, '_', '-' and '.', accents as one character with their letter"

WorkflowName = Annotated[str, Field(pattern=WORKFLOW_NAME, max_length=250), AfterValidator(_dag_id)]
TaskName = Annotated[str, Field(pattern=TASK_NAME, max_length=200)]
VariableName = Annotated[str, Field(pattern=VARIABLE_NAME, max_length=200)]
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]


def _duration(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from None


def _timeout(value: timedelta) -> timedelta:
    """Airflow takes a timeout of zero for none."""
    if not value:
        raise PydanticCustomError("timeout", "a limit is longer than zero; leave it out for none")
    return value


def _start_date(value: object) -> date:
    """A date or a date and time in ISO-8601, as text: YAML and JSON say the same."""
    if isinstance(value, str):
        for parse in (parse_date, parse_datetime):
            try:
                return parse(value)
            except ValueError:
                continue
    raise PydanticCustomError(
        "start_date", "{value} is not a date; write for example 2026-01-31", {"value": describe(value)}
    )


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _edges(value: object) -> object:
    """``a`` and ``[a, b]`` as ``{a: success, b: success}``."""
    if isinstance(value, str):
        return {value: ["success"]}
    if isinstance(value, list):
        for name in value:
            if not isinstance(name, str):
                raise PydanticCustomError(
                    "edges",
                    "{value} is not the name of a task; write a task name, or one mapping of task: outcome",
                    {"value": describe(name)},
                )
        repeated = sorted({name for name in value if value.count(name) > 1})
        if repeated:
            raise PydanticCustomError(
                "edges", "there are two edges from '{name}'; at most one is allowed", {"name": repeated[0]}
            )
        return {name: ["success"] for name in value}
    return value


def _set(value: object) -> object:
    """``x`` as ``{x: None}``: the first column."""
    return {value: None} if isinstance(value, str) else value


def _id_or_name(value: object) -> object:
    """One error for what is neither, not one for each kind."""
    if (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value):
        return value
    raise PydanticCustomError("id_or_name", "expected an id or a name, got {value}", {"value": describe(value)})


def _cluster(value: object) -> object:
    if isinstance(value, Mapping | str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError(
        "cluster", "expected a cluster's id or for example {nodes: 2}, got {value}", {"value": describe(value)}
    )


def _variable(value: object) -> object:
    """The short form, a default, as the long one."""
    return value if isinstance(value, Mapping) else {"default": value}


Duration = Annotated[
    timedelta, BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=PATTERN)])
]
Timeout = Annotated[Duration, AfterValidator(_timeout)]
Accepts = Annotated[
    list[Accept],
    Field(min_length=1),
    BeforeValidator(_one_or_many, json_schema_input_type=Accept | list[Accept]),
]
Edges = Annotated[
    dict[str, Accepts],
    BeforeValidator(_edges, json_schema_input_type=str | list[str] | dict[str, Accept | list[Accept]]),
]
Statements = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(min_length=1),
    BeforeValidator(_one_or_many, json_schema_input_type=str | list[str]),
]
IdOrName = Annotated[
    int | str,
    BeforeValidator(_id_or_name, json_schema_input_type=int | Annotated[str, Field(min_length=1)]),
]
Cluster = Annotated[
    int | str | dict[str, Any], BeforeValidator(_cluster, json_schema_input_type=int | str | dict[str, Any])
]
SetColumns = Annotated[
    dict[VariableName, str | None],
    Field(min_length=1),
    BeforeValidator(_set, json_schema_input_type=VariableName | dict[VariableName, str]),
]


class Model(BaseModel):
    """Base of all models: unknown keys are errors, nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )


class Variable(Model):
    """A variable of a workflow or of a package."""

    type: VariableType | None = Field(None, description="Declared type; a value that it cannot hold is an error.")
    default: Any = Field(None, description="Value when nothing else gives one.")
    description: str | None = Field(None, description="Shown in the trigger form.")
    required: bool = Field(False, description="A run without a value fails before its first task starts.")
    secret: bool = Field(False, description="Never shown, logged or stored; needs `from`.")
    from_: str | None = Field(
        None, alias="from", min_length=1, description="Airflow Variable (or secrets backend entry) of a secret."
    )


VariableEntry = Annotated[
    Variable,
    BeforeValidator(_variable, json_schema_input_type=Variable | str | int | float | bool | list[Any] | None),
]
Variables = dict[VariableName, VariableEntry]


class TaskBase(Model):
    """What every task may say."""

    description: str | None = Field(None, description="Shown as the task's documentation in the Airflow UI.")
    depends_on: Edges = Field(default_factory=dict, description="Edges: source task and the outcomes it must have.")
    constraint: ConstraintKind = Field("all", description="Whether all edges or at least one must be satisfied.")
    if_: str | None = Field(None, alias="if", min_length=1, description="Expression over `vars`; false skips the task.")
    variables: dict[VariableName, Any] = Field(default_factory=dict, description="Values for this task only.")
    retries: int | None = Field(None, ge=0, le=1_000_000, description="Attempts after the first one.")
    retry_delay: Duration | None = Field(None, description="Pause between attempts.")
    timeout: Timeout | None = Field(
        None, description="A task that takes longer fails; its condition and templates count."
    )
    pool: str | None = Field(None, min_length=1, description="Airflow pool.")
    connection: str | None = Field(None, min_length=1, description="Airflow connection id.")


class SqlTask(TaskBase):
    """Runs SQL on a connection; `:name` is a bind parameter."""

    sql: Statements = Field(
        description="Statements with `;` between them, a .sql file beside the definition, or a list of these."
    )
    set_: SetColumns | None = Field(
        None, alias="set", description="Variables filled from the first row of the last statement."
    )
    on_empty: Literal["null", "skip", "fail"] | None = Field(
        None, description="What an empty result means: a null value (default), skipped, or failure."
    )
    autocommit: bool = Field(False, description="Each statement by itself, not all in one transaction.")


class PackageTask(TaskBase):
    """Runs a package, with its own variable scope."""

    package: TaskName = Field(description="Name of a package in the workflow's folder or below it.")
    set_: SetColumns | None = Field(
        None, alias="set", description="Variables filled from the result: all of it, or a part by its path."
    )


class WorkflowTask(TaskBase):
    """Runs another workflow and takes its outcome."""

    workflow: WorkflowName = Field(description="Name of the workflow to run; its outcome is this task's outcome.")


class OperatorTask(TaskBase):
    """Runs any Airflow operator."""

    operator: DottedPath = Field(description="Dotted path of an operator class.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the operator.")


TASK_KINDS: Final = ("sql", "package", "workflow", "operator")


def _kind(value: object) -> str | None:
    """The one key that says what the task does; none when there is not exactly one."""
    if isinstance(value, TaskBase):
        return next(kind for kind in TASK_KINDS if hasattr(value, kind))
    if not isinstance(value, Mapping):
        return None
    kinds = [kind for kind in TASK_KINDS if kind in value]
    return f"<{kinds[0]}>" if len(kinds) == 1 else None


Task = Annotated[
    Annotated[SqlTask, Tag("<sql>")]
    | Annotated[PackageTask, Tag("<package>")]
    | Annotated[WorkflowTask, Tag("<workflow>")]
    | Annotated[OperatorTask, Tag("<operator>")],
    Discriminator(_kind),
]
AnyTask: TypeAlias = SqlTask | PackageTask | WorkflowTask | OperatorTask


class Defaults(Model):
    """Values for every task that does not give its own."""

    connection: str | None = Field(None, min_length=1, description="Airflow connection id of SQL tasks.")
    retries: int | None = Field(None, ge=0, le=1_000_000, description="Attempts after the first one.")
    retry_delay: Duration | None = Field(None, description="Pause between attempts.")
    timeout: Timeout | None = Field(
        None, description="A task that takes longer fails; its condition and templates count."
    )
    pool: str | None = Field(None, min_length=1, description="Airflow pool.")


class Schedule(Model):
    """One of several schedules of a workflow."""

    name: TaskName = Field(description="Shown in the run id and the note of the runs that it starts.")
    cron: str = Field(description="Cron expression or preset (@daily).")
    timezone: str = Field("UTC", description="Time zone of the cron expression, such as Europe/Paris.")
    variables: dict[VariableName, Any] = Field(
        default_factory=dict, description="Values for the runs that it starts, instead of the defaults."
    )


class ExpectedDuration(Model):
    """How long a run may take, from its start to its end."""

    min: Duration | None = Field(None, description="A run that ends sooner breaks the expectation.")
    max: Timeout | None = Field(None, description="A run that takes longer breaks it; a late run also raises an alert.")
    of_usual: float | None = Field(
        None, gt=1, description="More than this many times away from the median of the last successful runs breaks it."
    )


class Expect(Model):
    """What must hold when every task has settled and the run would succeed."""

    duration: ExpectedDuration | None = Field(None, description="How long the run may take.")
    checks: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        BeforeValidator(_one_or_many, json_schema_input_type=str | list[str]),
    ] = Field(default_factory=list, description="Expressions over variables and `tasks.name` outcomes.")
    on_violation: Literal["fail", "warn"] = Field("fail", description="Whether a broken expectation fails the run.")


class Notifier(Model):
    """Any Airflow notifier."""

    notifier: DottedPath = Field(description="Dotted path of a notifier class.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments; templates are filled.")


class Notify(Model):
    """Who is told what about a run. A notifier that fails never changes the run."""

    on_success: list[Notifier] = Field(default_factory=list, description="The run succeeded.")
    on_failure: list[Notifier] = Field(default_factory=list, description="The run failed.")
    on_broken_expectation: list[Notifier] = Field(
        default_factory=list, description="The run broke an expectation, whether that failed it or not."
    )
    on_late: list[Notifier] = Field(
        default_factory=list, description="The run is still going after its longest expected duration."
    )


class Workflow(Model):
    """A workflow definition: `*.workflow.yaml` or `*.workflow.json`."""

    workflow: WorkflowName = Field(description="Name; becomes the dag_id.")
    description: str | None = Field(None, description="Shown in the Airflow UI.")
    owner: str | None = Field(None, min_length=1, description="Owner of every task.")
    tags: list[str] = Field(default_factory=list, description="Tags in the Airflow UI.")
    schedule: str | None = Field(None, description="Cron expression or preset (@daily); none: only started by hand.")
    schedules: list[Schedule] = Field(
        default_factory=list, description="Several schedules, each with its own time zone and variables."
    )
    start_date: Annotated[date, PlainValidator(_start_date, json_schema_input_type=str)] | None = Field(
        None, description="No run before this date (UTC unless it has an offset)."
    )
    catchup: bool = Field(False, description="Whether missed runs since start_date are made up for.")
    max_active_runs: int | None = Field(
        None, ge=1, le=1_000_000, description="Runs at the same time; default: Airflow's setting."
    )
    variables: Variables = Field(default_factory=dict, description="Workflow variables.")
    defaults: Defaults = Field(default_factory=Defaults, description="Values for every task.")
    outcome: Literal["strict", "handled"] = Field("strict", description="Whether a handled failure fails the run.")
    expect: Expect | None = Field(None, description="What must hold after the run; else it fails with that reason.")
    notify: Notify | None = Field(None, description="Who is told about the run, by Airflow notifiers.")
    tasks: dict[TaskName, Task] | None = Field(None, description="Tasks by name.")
    phases: list[Annotated[list[WorkflowName], Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        description="Instead of tasks: workflows, each phase after the one before it succeeded.",
    )


class IntegrateIoJob(Model):
    """A package of Integrate.io, run as a job."""

    package: IdOrName = Field(description="Its id or its name.")
    cluster: Cluster = Field(
        description="A cluster's id, or what it must be like: `nodes`, `type`, `terminate_on_idle`, `time_to_idle`; "
        "one that fits is used, else one is started."
    )
    variables: dict[str, Any] | None = Field(
        None, description="Values for its variables; without this key all variables of this package, by their names."
    )
    dynamic_variables: dict[str, str] = Field(default_factory=dict, description="Expressions for its variables.")
    poll_interval: Timeout | None = Field(None, description="Pause between two looks at the job; 15 seconds.")
    connection: str | None = Field(None, min_length=1, description="Airflow connection id; integrate_io_default.")


class ApertureJob(Model):
    """A workflow of Aperture Data Studio, run as a job."""

    workflow: str = Field(min_length=1, description="Its external label (v1: its name).")
    space: str | None = Field(None, min_length=1, description="External label of its Space; the connection's, if none.")
    version: Literal["PublishedOnly", "PreferDraft"] | None = Field(None, description="Which version runs (v2).")
    parameters: dict[str, Any] | None = Field(
        None, description="Values for its parameters; without this key all variables of this package, by their names."
    )
    refresh_sources: bool = Field(False, description="Whether its sources are loaded anew.")
    dependencies: str | None = Field(None, description="Which dependencies to use, as the API calls them (v2).")
    min_duration: Duration | None = Field(None, description="A job that ends sooner fails the task.")
    max_duration: Timeout | None = Field(None, description="A job that takes longer fails the task when it has ended.")
    conditions: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        BeforeValidator(_one_or_many, json_schema_input_type=str | list[str]),
    ] = Field(default_factory=list, description="Expressions over `result` and `duration`; false fails the task.")
    poll_interval: Timeout | None = Field(None, description="Pause between two looks at the job; 15 seconds.")
    connection: str | None = Field(None, min_length=1, description="Airflow connection id; aperture_default.")


class Run(Model):
    """What a package does: exactly one of `operator`, `integrate_io` and `aperture`."""

    operator: DottedPath | None = Field(None, description="Dotted path of an operator class.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the operator.")
    integrate_io: IntegrateIoJob | None = Field(None, description="A package of Integrate.io.")
    aperture: ApertureJob | None = Field(None, description="A workflow of Aperture Data Studio.")


class Package(Model):
    """A package definition: `*.package.yaml` or `*.package.json`."""

    package: TaskName = Field(description="Name by which workflows call it.")
    description: str | None = Field(None, description="What it does.")
    variables: Variables = Field(default_factory=dict, description="Its own variables; a value here is used.")
    run: Run = Field(description="What does the work.")
