"""Worker starts: what a compiled plan costs beyond the tasks that the definition itself runs.

`extras(plan)` counts the nodes that the compiler adds; `extra_starts(plan, results)` plays one run and counts
those of them that start a worker process. Gates are settled by the scheduler, so they never do. Trigger rules
are played over settled sources; that the plan is exact is for the tests on Airflow's own scheduling code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from airflow_workflow_provider.compiler.compile import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.library import Library
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.definitions.reader import read_document
from airflow_workflow_provider.semantics import interpret
from scripts.bench import fresh
from scripts.bench.report import Section

RUN = "run"
EXAMPLES = fresh.ROOT / "dags_example"
METHOD = """\
Played on the plan: per definition one run in which all succeed, 5 in which some tasks skip themselves, \
and 20 in which some fail. A decision node is a branch operator for a mixed constraint.
Targets: a run in which nothing fails starts at most one worker per decision node, and none without one; a \
run with failures at most one per decision node and one for the run's outcome.\
"""


@dataclass(frozen=True, slots=True)
class Extras:
    """The nodes that a plan adds to its tasks."""

    tasks: int
    gates: int
    decisions: int
    outcome: int

    @property
    def workers(self) -> int:
        """The added nodes that may ever start a worker."""
        return self.decisions + self.outcome


@dataclass(frozen=True, slots=True)
class Played:
    """One run: the tasks that ran, whether one failed, and the worker starts beyond those tasks."""

    ran: int
    failed: bool
    extra: int


def extras(plan: Plan) -> Extras:
    """Count the nodes that the compiler added; the two gates of the run's outcome count as gates."""
    gates = len(plan.gates) + (2 if plan.outcome else 0)
    return Extras(len(plan.tasks), gates, len(plan.decisions), 1 if plan.outcome else 0)


def extra_starts(plan: Plan, results: Mapping[str, Outcome]) -> Played:
    """Play one run; `results` has each task that fails or skips itself (the others succeed)."""
    edges = {task.id: (task.constraint, task.edges) for task in plan.tasks}
    meanings = interpret(edges, results, plan.outcome_mode).tasks
    ended = {name: meaning.outcome for name, meaning in meanings.items()}
    wirings = dict(plan.wirings())

    @cache
    def state(node: str) -> str:
        """The node's Airflow state once everything has settled."""
        if ended.get(node, Outcome.SKIPPED) is not Outcome.SKIPPED:
            return "success" if ended[node] is Outcome.SUCCESS else "failed"
        settled = _settle(wirings[node].rule.value, [state(source) for source in wirings[node].upstream])
        if node in ended:  # a task that did not run, or skipped itself
            return "upstream_failed" if settled == "upstream_failed" else "skipped"
        return "success" if settled == RUN else settled

    for node in wirings:  # tasks come sources first, so recursion stays shallow
        state(node)
    started = [decision.id for decision in plan.decisions if state(decision.id) == "success"]
    if plan.outcome and state(plan.outcome.outcome) == "success":
        started.append(plan.outcome.outcome)
    ran = sum(outcome is not Outcome.SKIPPED for outcome in ended.values())
    return Played(ran, Outcome.FAILURE in ended.values(), len(started))


def _settle(rule: str, states: list[str]) -> str:
    """What Airflow's trigger rule makes of settled sources: RUN, skipped or upstream_failed."""
    if not states:
        return RUN
    success, skipped = states.count("success"), states.count("skipped")
    failed = len(states) - success - skipped  # as Airflow counts: upstream_failed is a failure
    if rule in ("all_success", "none_failed") and failed:
        return "upstream_failed"
    if rule == "one_success" and not success:
        return "upstream_failed" if failed else "skipped"
    runs = {
        "all_success": not skipped,
        "none_failed": True,
        "one_success": True,
        "all_failed": not success and not skipped,
        "all_done": True,
        "all_skipped": skipped == len(states),
        "one_failed": failed > 0,
        "one_done": bool(success) or "failed" in states,
        "none_skipped": not skipped,
    }
    return RUN if runs[rule] else "skipped"


def random_definition(chance: random.Random, plain: float) -> dict[str, Any]:
    """A workflow of 2 to 10 tasks, as a document; `plain` is the share of success edges."""
    names = [f"t{number}" for number in range(chance.randint(2, 10))]
    tasks: dict[str, Any] = {}
    for number, name in enumerate(names):
        task: dict[str, Any] = {
            "operator": "airflow.providers.standard.operators.bash.BashOperator",
            "arguments": {"bash_command": "true"},
        }
        sources = chance.sample(names[:number], min(number, chance.choice((1, 1, 1, 2, 2, 3))))
        if sources:
            task["depends_on"] = {source: _random_edge(chance, plain) for source in sources}
            task["constraint"] = chance.choice(("all", "all", "all", "any"))
        tasks[name] = task
    outcome = chance.choice(("strict", "handled"))
    return {"workflow": "random", "outcome": outcome, "tasks": tasks}


def random_plans(chance: random.Random, wanted: int, plain: float) -> list[Plan]:
    """The plans of random definitions; those with errors are replaced."""
    plans: list[Plan] = []
    for _ in range(20 * wanted):
        plan = compiled(json.dumps(random_definition(chance, plain)), Path("random.workflow.yaml"))
        if plan is not None:
            plans.append(plan)
        if len(plans) == wanted:
            break
    fresh.progress(f"starts: {len(plans)} random definitions with {plain:.0%} success edges compiled")
    return plans


def _random_edge(chance: random.Random, plain: float) -> str | list[str]:
    """The outcomes that an edge accepts."""
    words: tuple[str | list[str], ...] = ("failure", "completion", "skipped", ["completion", "skipped"])
    return "success" if chance.random() < plain else chance.choices(words, (5, 5, 1, 2))[0]


def random_run(plan: Plan, chance: random.Random, *, failing: bool) -> dict[str, Outcome]:
    """How tasks end if they start: one in four of them not with success."""
    other = (Outcome.FAILURE, Outcome.FAILURE, Outcome.SKIPPED) if failing else (Outcome.SKIPPED,)
    return {task.id: chance.choice(other) for task in plan.tasks if chance.random() < 0.25}


def measure(*, quick: bool) -> Section:
    """Count over the examples and over random definitions."""
    section = Section("Worker starts beyond the tasks that run")
    chance = random.Random(20261121)
    for path in sorted(EXAMPLES.rglob("*.workflow.yaml")) if EXAMPLES.is_dir() else ():
        plan = compiled(path.read_text(encoding="utf-8"), path)
        if plan is None:
            section.notes.append(f"Skipped, has errors: {path.relative_to(fresh.ROOT)}.")
        else:
            _count(section, f"example {plan.workflow}", [plan], chance)
    for kind, plain in (("ordinary", 0.95), ("wild", 0.6)):
        plans = random_plans(chance, 100 if quick else 1000, plain)
        _count(section, f"{len(plans)} {kind} random definitions ({plain:.0%} success edges)", plans, chance)
    section.notes += METHOD.split("\n")
    return section


def _count(section: Section, label: str, plans: list[Plan], chance: random.Random) -> None:
    """Add the rows for some definitions: nodes, then starts in runs without and with failures."""
    counts = [extras(plan) for plan in plans]
    tasks, gates = sum(count.tasks for count in counts), sum(count.gates for count in counts)
    decisions, ends = sum(count.decisions for count in counts), sum(count.outcome for count in counts)
    section.add(f"{label}: tasks + gates + decisions + outcome nodes", f"{tasks} + {gates} + {decisions} + {ends}")
    if len(plans) > 1:
        bare = sum(not count.workers and not count.gates for count in counts) / len(counts)
        section.add(f"{label}: without any added node", f"{bare:.0%}")
    calm: list[tuple[Extras, Played]] = []
    failing: list[tuple[Extras, Played]] = []
    for plan, count in zip(plans, counts, strict=True):
        scenarios: list[Mapping[str, Outcome]] = [{}]
        scenarios += [random_run(plan, chance, failing=False) for _ in range(5)]
        scenarios += [random_run(plan, chance, failing=True) for _ in range(20)]
        for scenario in scenarios:
            played = extra_starts(plan, scenario)
            (failing if played.failed else calm).append((count, played))
    _starts_row(section, f"{label}: runs without a failure", calm, 0)
    _starts_row(section, f"{label}: runs with failures", failing, 1)


def _starts_row(section: Section, label: str, runs: list[tuple[Extras, Played]], allowed: int) -> None:
    """Mean and most extra starts a run, and whether every run stays within its own bound."""
    if not runs:
        return
    mean = sum(played.extra for _, played in runs) / len(runs)
    most = max(played.extra for _, played in runs)
    beyond = sum(played.extra > count.decisions + allowed for count, played in runs)
    ran = sum(played.ran for _, played in runs) / len(runs)
    measured = f"mean {mean:.2f} (beside {ran:.1f} tasks), most {most}, over the bound {beyond}"
    bound = "decisions" if not allowed else "decisions + 1"
    section.add(label, measured, f"<= {bound}", beyond == 0)


def compiled(text: str, path: Path) -> Plan | None:
    """The plan of a definition's text, or None when it has errors."""
    reading = read_document(parse(text, str(path)), Library(path.parent))
    return None if reading.errors or reading.definition is None else compile_workflow(reading.definition)
