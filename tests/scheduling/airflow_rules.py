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

    def verdict(self, rule: TriggerRule, states: tuple[str, ...]) -> str:
        """``states`` are Airflow's, ``""`` for a source that is not settled."""
        if not states:
            return "run"
        key = (rule, states)
        if key not in self._verdicts:
            in_order = tuple(sorted(states))
            self._verdicts[key] = self._ask(rule, states) if states == in_order else self.verdict(rule, in_order)
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


class FastScheduler:
    """Runs of one plan in memory, scheduler pass by scheduler pass, as ``played_run`` does it on the database."""

    def __init__(self, plan: Plan, rules: AirflowRules) -> None:
        self._plan = plan
        self._rules = rules
        self._wirings = dict(plan.wirings())
        self._gates = {gate.id for gate in plan.gates}
        if plan.outcome:
            self._gates |= {gate.id for gate in plan.outcome.gates}
        self._downstream: dict[str, list[str]] = {name: [] for name in self._wirings}
        for name, wiring in self._wirings.items():
            for source in wiring.upstream:
                self._downstream[source].append(name)
        self._deciders = {
            task: _decider(plan, task) for task in self._wirings if "." in task and task not in self._gates
        }

    def run(self, results: Mapping[str, str], order: Callable[[Sequence[str]], str]) -> FastRun:
        """A run whose tasks end as ``results`` says; ``order`` picks the one of those waiting that ends next."""
        states = dict.fromkeys(self._wirings, "")
        waiting: list[str] = []
        started: list[str] = []
        touched = list(self._wirings)
        while True:
            self._settle(states, waiting, touched)
            if not waiting:
                break
            task = order(waiting)
            waiting.remove(task)
            started.append(task)
            touched = self._end(task, states, results)
        leaves = [states[name] for name, downstream in self._downstream.items() if not downstream]
        assert all(states.values()), f"never decided: {states}"
        return FastRun(states, any(TaskInstanceState(state) in State.failed_states for state in leaves), started)

    def _settle(self, states: dict[str, str], waiting: list[str], touched: list[str]) -> None:
        """Scheduler passes until nothing changes; each pass looks at the states that the one before it left.

        Only nodes with a source that has changed are looked at: the verdict on the others is the one of before.
        """
        while touched:
            changes: dict[str, str] = {}
            for name in touched:
                if states[name] or name in waiting:
                    continue
                wiring = self._wirings[name]
                verdict = self._rules.verdict(wiring.rule, tuple([states[source] for source in wiring.upstream]))
                if verdict == "run" and name not in self._gates:
                    waiting.append(name)
                elif verdict != "wait":
                    changes[name] = "success" if verdict == "run" else verdict
            states.update(changes)
            touched = [name for changed in changes for name in self._downstream[changed]]

    def _end(self, task: str, states: dict[str, str], results: Mapping[str, str]) -> list[str]:
        """A worker has run a task; what may now have another verdict."""
        if task in results:
            states[task] = results[task]
            return self._downstream[task]
        states[task], followed = self._deciders[task]({name: state for name, state in states.items() if state})
        if followed is None:
            return self._downstream[task]
        skipped = [name for name in self._downstream[task] if name not in followed]
        states.update(dict.fromkeys(skipped, "skipped"))  # what SkipMixin does to all that it does not follow
        return [name for changed in (task, *skipped) for name in self._downstream[changed]]


Decider = Callable[[dict[str, str]], "tuple[str, set[str] | None]"]


def _decider(plan: Plan, task: str) -> Decider:
    """The node's own code over the states of a run: how it ends, and what a branch follows."""
    node: Any
    if plan.outcome and task == plan.outcome.outcome:
        node = SimpleNamespace(
            tasks={planned.id: (planned.constraint, planned.edges) for planned in plan.tasks},
            mode=plan.outcome.mode,
            decisions=[d.id for d in plan.decisions],
            expect=None,
            log=_SILENT,
        )
        execute = cast("Any", RunOutcomeOperator.execute).__wrapped__
        return lambda states: (_ended(lambda: execute(node, _context(states))), None)
    decision = next(decision for decision in plan.decisions if decision.id == task)
    node = SimpleNamespace(
        edges=decision.edges,
        constraint=decision.constraint,
        decides=decision.task,
        follows=decision.follows,
        log=_SILENT,
    )

    def branch(states: dict[str, str]) -> tuple[str, set[str] | None]:
        followed: set[str] = set()
        state = _ended(lambda: followed.add(DecisionOperator.choose_branch(node, _context(states)) or ""))
        return state, followed if state == "success" else None

    return branch


def _context(states: dict[str, str]) -> Any:
    ti = SimpleNamespace(dag_id="", map_index=-1, xcom_push=lambda **_: None, get_task_states=lambda **_: {"": states})
    return {"ti": ti, "run_id": ""}


def _ended(execute: Callable[[], object]) -> str:
    try:
        execute()
    except AirflowSkipException:
        return "skipped"
    except AirflowFailException:
        return "failed"
    return "success"


_SILENT = SimpleNamespace(info=lambda *_: None)
