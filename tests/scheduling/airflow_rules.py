"""Airflow's verdict on a trigger rule over some upstream states, asked of Airflow once for each situation.

For tasks that are neither mapped nor setups the verdict depends on the rule and on how many sources are in which
state; that the whole scheduler agrees is what ``test_any_workflow_of_up_to_ten_tasks`` shows on full runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.ti_deps.dep_context import DepContext
from airflow.utils.state import State, TaskInstanceState

from airflow_workflow_provider.compiler.plan import OperatorWork, Plan, PlannedTask, TriggerRule, Wiring
from airflow_workflow_provider.operators.decision import DecisionOperator
from airflow_workflow_provider.operators.run_outcome import RunOutcomeOperator
from tests.scheduling.played_run import start_run

_EMPTY = OperatorWork("airflow.providers.standard.operators.bash.BashOperator", {"bash_command": "true"})


class AirflowRules:
    """``verdict(rule, states)``: ``run``, ``wait``, ``skipped`` or ``upstream_failed``."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._runs: dict[tuple[TriggerRule, int], Any] = {}
        self._verdicts: dict[tuple[TriggerRule, tuple[str, ...]], str] = {}

    def verdict(self, rule: TriggerRule, states: Sequence[str]) -> str:
        """``states`` are Airflow's, ``""`` for a source that is not settled."""
        if not states:
            return "run"
        key = (rule, tuple(sorted(states)))
        if key not in self._verdicts:
            self._verdicts[key] = self._ask(*key)
        return self._verdicts[key]

    def _ask(self, rule: TriggerRule, states: tuple[str, ...]) -> str:
        played = self._run(rule, len(states))
        instances = played.instances()
        tasks = played.run.dag.task_dict
        for name, ti in instances.items():
            ti.task = tasks[name]
        target = instances["target"]
        target.state = None
        for index, state in enumerate(states):
            instances[f"s{index}"].state = TaskInstanceState(state) if state else None
        self._session.flush()
        finished = [ti for ti in instances.values() if ti.state in State.finished]
        context = DepContext(flag_upstream_failed=True, finished_tis=finished)
        met = target.are_dependencies_met(dep_context=context, session=self._session)
        return "run" if met else str(target.state) if target.state else "wait"

    def _run(self, rule: TriggerRule, sources: int) -> Any:
        if (rule, sources) not in self._runs:
            names = tuple(f"s{index}" for index in range(sources))
            tasks = (
                *(PlannedTask(name, _EMPTY) for name in names),
                PlannedTask("target", _EMPTY, Wiring(rule, names)),
            )
            self._runs[rule, sources] = start_run(Plan(f"{rule.value}-{sources}", "", tasks), self._session)
        return self._runs[rule, sources]


@dataclass
class FastRun:
    """How a run ended: Airflow states, what workers were started for, and whether the leaves fail it."""

    states: dict[str, str]
    failed: bool
    started: list[str] = field(default_factory=list)


def drive(
    plan: Plan, results: Mapping[str, str], rules: AirflowRules, order: Callable[[Sequence[str]], str]
) -> FastRun:
    """A run of ``plan`` in memory, scheduler pass by scheduler pass, as ``played_run`` does it on the database."""
    wirings = dict(plan.wirings())
    gates = {gate.id for gate in plan.gates}
    if plan.outcome:
        gates |= {gate.id for gate in plan.outcome.gates}
    states = dict.fromkeys(wirings, "")
    waiting: list[str] = []
    started: list[str] = []
    while True:
        _settle(wirings, gates, states, waiting, rules)
        if not waiting:
            break
        task = order(waiting)
        waiting.remove(task)
        started.append(task)
        states[task] = results[task] if "." not in task else _decide(plan, task, states)
    upstream = {source for wiring in wirings.values() for source in wiring.upstream}
    leaves = [states[name] for name in wirings if name not in upstream]
    assert all(states.values()), f"never decided: {states}"
    return FastRun(states, any(TaskInstanceState(state) in State.failed_states for state in leaves), started)


def _settle(
    wirings: Mapping[str, Wiring],
    gates: set[str],
    states: dict[str, str],
    waiting: list[str],
    rules: AirflowRules,
) -> None:
    """Scheduler passes until nothing changes; each pass looks at the states that the one before it left."""
    while True:
        changes: dict[str, str] = {}
        for name, wiring in wirings.items():
            if not states[name] and name not in waiting:
                verdict = rules.verdict(wiring.rule, [states[source] for source in wiring.upstream])
                if verdict == "run" and name not in gates:
                    waiting.append(name)
                elif verdict != "wait":
                    changes[name] = "success" if verdict == "run" else verdict
        if not changes:
            return
        states.update(changes)


def _decide(plan: Plan, task: str, states: dict[str, str]) -> str:
    """The decision node's own ``execute``."""
    settled = {name: state for name, state in states.items() if state}
    node: Any
    ti: Any = SimpleNamespace(
        dag_id="",
        map_index=-1,
        xcom_push=lambda **_: None,
        get_task_states=lambda **_: {"": settled},
    )
    context: Any = {"ti": ti, "run_id": ""}
    try:
        if plan.outcome and task == plan.outcome.outcome:
            tasks = {planned.id: (planned.constraint, planned.edges) for planned in plan.tasks}
            node = SimpleNamespace(
                tasks=tasks,
                mode=plan.outcome.mode,
                decisions=[d.id for d in plan.decisions],
                expect=None,
                log=_SILENT,
            )
            cast("Any", RunOutcomeOperator.execute).__wrapped__(node, context)
            return "success"
        decision = next(decision for decision in plan.decisions if decision.id == task)
        node = SimpleNamespace(
            edges=decision.edges,
            constraint=decision.constraint,
            decides=decision.task,
            follows=decision.follows,
            log=_SILENT,
        )
        followed = DecisionOperator.choose_branch(node, context)
        for name, wiring in plan.wirings():
            if task in wiring.upstream and name != followed:
                states[name] = "skipped"  # what SkipMixin does to all that it does not follow
    except AirflowSkipException:
        return "skipped"
    except AirflowFailException:
        return "failed"
    return "success"


_SILENT = SimpleNamespace(info=lambda *_: None)
