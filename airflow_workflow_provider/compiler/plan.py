"""The plan: what a definition becomes, as plain data. The DAG builder, ``graph`` and ``explain`` all walk it.

A plan holds only what JSON can hold (and tuples), so that it can be kept beside its definition and read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

OUTCOME: Final = "workflow.outcome"
"""The node that decides a run's state. It leaves the XComs ``REASON`` and, if some broke, ``BROKEN_EXPECTATIONS``."""
REASON: Final = "reason"
"""XCom of a node that decides or skips itself: why, in one sentence."""
BROKEN_EXPECTATIONS: Final = "broken_expectations"


class TriggerRule(str, Enum):
    """The trigger rules of Airflow that plans use."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"


@dataclass(frozen=True, slots=True)
class Wiring:
    """When a node starts: a trigger rule over the nodes that it waits for (none: at once)."""

    rule: TriggerRule = TriggerRule.ALL_SUCCESS
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A node that Airflow's scheduler settles by itself (``EmptyOperator``): no worker, no process.

    ``task`` is the task it decides for; ``meaning`` says in words when it succeeds.
    """

    id: str
    task: str
    wiring: Wiring
    meaning: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A branch operator for a mixed constraint, named ``<task>.any`` or ``<task>.all``.

    ``edges`` are those that it decides over: source task and accepted outcomes, as the definition's words.
    ``follows`` is the node after it: its task, or the gate before its task.
    """

    id: str
    task: str
    constraint: str
    edges: Mapping[str, tuple[str, ...]]
    wiring: Wiring
    follows: str


@dataclass(frozen=True, slots=True)
class PlannedVariable:
    """A variable of the workflow or of a package; ``secret`` names the Airflow Variable that holds its value."""

    name: str
    type: str | None = None
    default: Any = None
    description: str | None = None
    required: bool = False
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """One of several schedules; ``variables`` are the values for the runs that it starts."""

    name: str
    cron: str
    timezone: str = "UTC"
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a task's variables come from.

    ``given``: values of the task itself, templates included. ``package``: variables of the package it runs, if any.
    ``setters``: for each variable that it reads the upstream tasks that set it, the furthest downstream first.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    package: tuple[PlannedVariable, ...] | None = None
    setters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SqlWork:
    """SQL statements run in order in one session; ``set`` maps variables to columns (``None``: the first).

    ``autocommit``: each is a transaction of its own.
    """

    connection: str
    statements: tuple[str, ...]
    set: Mapping[str, str | None] = field(default_factory=dict)
    on_empty: str = "null"
    autocommit: bool = False


@dataclass(frozen=True, slots=True)
class OperatorWork:
    """An operator class by its dotted path, with its arguments as written; ``package`` names where it comes from.

    ``set`` maps variables to parts of its result, as dotted paths (``None``: all of it).
    """

    operator: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    package: str | None = None
    set: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkflowWork:
    """Another workflow; the values that the task gives to it are in the task's scope."""

    workflow: str

    @property
    def set(self) -> Mapping[str, str | None]:
        """It sets no variables."""
        return {}


Work: TypeAlias = SqlWork | OperatorWork | WorkflowWork


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task of the definition. Durations are seconds; ``edges`` are the definition's own.

    ``group`` is the task group that shows it, such as the phase it belongs to.
    """

    id: str
    work: Work
    wiring: Wiring = field(default_factory=Wiring)
    edges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constraint: str = "all"
    condition: str | None = None
    scope: Scope = field(default_factory=Scope)
    description: str | None = None
    retries: int | None = None
    retry_delay: float | None = None
    timeout: float | None = None
    pool: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The nodes that make the run's state what the definition says.

    ``outcome`` decides when every task has settled. Without expectations it starts only in a run in which something
    failed, and ``gates`` tell so; with expectations it always starts, and there are no gates.
    """

    mode: str
    outcome: str
    wiring: Wiring
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must hold after a run that would succeed. Durations are seconds; ``of_usual`` is a factor.

    ``setters``: for each variable that a check reads the tasks that set it, the furthest downstream first.
    """

    min: float | None = None
    max: float | None = None
    of_usual: float | None = None
    checks: tuple[str, ...] = ()
    on_violation: str = "fail"
    setters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notification:
    """Who is told of an event: a notifier class by its dotted path, with its arguments as written.

    ``event``: ``on_success``, ``on_failure``, ``on_broken_expectation`` or ``on_late``.
    """

    event: str
    notifier: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled workflow. ``tasks`` come sources first; ``outcome`` is ``None`` where Airflow's own rule is exact.

    ``stored``: its definition comes from the store; what it may do has been checked, and is guarded when it runs.
    """

    workflow: str
    version: str
    tasks: tuple[PlannedTask, ...]
    gates: tuple[Gate, ...] = ()
    decisions: tuple[Decision, ...] = ()
    outcome: RunOutcome | None = None
    outcome_mode: str = "strict"
    variables: tuple[PlannedVariable, ...] = ()
    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    schedule: str | None = None
    schedules: tuple[PlannedSchedule, ...] = ()
    start_date: str | None = None
    catchup: bool = False
    max_active_runs: int | None = None
    expect: Expectations | None = None
    notify: tuple[Notification, ...] = ()
    stored: bool = False

    @property
    def workflows(self) -> Mapping[str, str]:
        """The tasks that run other workflows, with the names of these."""
        return {task.id: task.work.workflow for task in self.tasks if isinstance(task.work, WorkflowWork)}

    def wirings(self) -> Iterator[tuple[str, Wiring]]:
        """Every node with its wiring: tasks, gates, decisions, the run's outcome."""
        nodes: tuple[PlannedTask | Gate | Decision, ...] = (*self.tasks, *self.gates, *self.decisions)
        for node in nodes:
            yield node.id, node.wiring
        if self.outcome:
            for gate in self.outcome.gates:
                yield gate.id, gate.wiring
            yield self.outcome.outcome, self.outcome.wiring
