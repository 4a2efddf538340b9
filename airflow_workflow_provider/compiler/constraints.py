"""From edges and constraints to trigger rules.

Airflow's rules look at states, the definition at outcomes, and they differ in one state: ``upstream_failed``, which
several rules count as a failure although the task never ran. Each wiring therefore names the sources for which that
difference would matter (``misread``); the compiler puts a gate before such a source, if it can become
``upstream_failed`` at all. See docs/adr/0002-constraints.md for the choices and their counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from airflow_workflow_provider.compiler.plan import Decision, Gate, TriggerRule, Wiring
from airflow_workflow_provider.definitions.outcomes import Outcome, accepted

S: Final = frozenset({Outcome.SUCCESS})
F: Final = frozenset({Outcome.FAILURE})
K: Final = frozenset({Outcome.SKIPPED})
_WORDS: Final = {
    S: "success",
    F: "failure",
    K: "skipped",
    S | F: "completion",
    S | K: "success-skipped",
    F | K: "failure-skipped",
    S | F | K: "settled",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """How one task's constraint is carried out.

    ``misread``: sources whose ``upstream_failed`` the wiring would take for a failure. ``alert``: the wiring is
    ``one_failed``, where that is harmless as long as what failed is itself among the sources.
    """

    wiring: Wiring
    gates: tuple[Gate, ...] = ()
    decision: Decision | None = None
    misread: frozenset[str] = frozenset()
    alert: bool = False


def constrain(task: str, kind: str, edges: Mapping[str, tuple[str, ...]]) -> Constraint:
    """The wiring, gates and decision node of a task's edges."""
    groups: dict[frozenset[Outcome], list[str]] = {}
    for source, words in edges.items():
        groups.setdefault(accepted(words), []).append(source)
    if not groups:
        return Constraint(Wiring())
    if len(groups) == 1:
        [(outcomes, sources)] = groups.items()
        return _uniform(task, task, "any" if kind == "any" and len(sources) > 1 else "all", outcomes, sources)
    if kind == "all":
        return _mixed_all(task, edges)
    return _mixed_any(task, edges, groups)


def _mixed_all(task: str, edges: Mapping[str, tuple[str, ...]]) -> Constraint:
    """One branch operator that starts when every source is settled and compares outcomes itself."""
    decision = Decision(f"{task}.all", task, "all", edges, Wiring(TriggerRule.ALL_DONE, tuple(edges)), task)
    return Constraint(Wiring(TriggerRule.ALL_SUCCESS, (decision.id,)), decision=decision)


def _mixed_any(
    task: str, edges: Mapping[str, tuple[str, ...]], groups: Mapping[frozenset[Outcome], list[str]]
) -> Constraint:
    """Success edges start the task themselves; a branch operator speaks for the others, as soon as one is satisfied."""
    direct = groups.get(S, [])
    others = {outcomes: sources for outcomes, sources in groups.items() if outcomes != S}
    parts = [
        _uniform(task, f"{task}.{_WORDS[outcomes]}", "any" if len(sources) > 1 else "all", outcomes, sources)
        for outcomes, sources in others.items()
    ]
    if len(parts) == 1:
        wiring, gates = parts[0].wiring, parts[0].gates
    else:
        joined = [
            Gate(f"{task}.{_WORDS[outcomes]}", task, part.wiring, f"an edge on {_WORDS[outcomes]} is satisfied")
            for outcomes, part in zip(others, parts, strict=True)
        ]
        gates = (*(gate for part in parts for gate in part.gates), *joined)
        wiring = Wiring(TriggerRule.ONE_SUCCESS, tuple(gate.id for gate in joined))
    decided = {source: edges[source] for sources in others.values() for source in sources}
    decision = Decision(f"{task}.any", task, "any", decided, wiring, task)
    rule = TriggerRule.ONE_SUCCESS if direct else TriggerRule.ALL_SUCCESS
    return Constraint(
        Wiring(rule, (*direct, decision.id)),
        gates,
        decision,
        frozenset().union(*(part.misread for part in parts)),
        alert=len(parts) == 1 and parts[0].alert,
    )


def _uniform(task: str, prefix: str, kind: str, outcomes: frozenset[Outcome], sources: list[str]) -> Constraint:
    """All edges accept the same outcomes: a trigger rule, where Airflow has one, else one with gates before it."""
    names = tuple(sources)
    if kind == "any" and outcomes == F:
        return Constraint(Wiring(TriggerRule.ONE_FAILED, names), misread=frozenset(names), alert=True)
    if (kind, outcomes) in _EXACT:
        return Constraint(Wiring(_EXACT[kind, outcomes], names))
    if kind == "all" and outcomes == S | F and len(names) == 1:
        return Constraint(Wiring(TriggerRule.ONE_DONE, names))
    if (kind, outcomes) in _EXACT_IF_REACHED:
        return Constraint(Wiring(_EXACT_IF_REACHED[kind, outcomes], names), misread=frozenset(names))
    if kind == "any" and outcomes == S | F | K:
        return _any_settled(task, prefix, names)
    return _negated(task, prefix, names, _NEGATIONS[kind, outcomes])


_EXACT: Final = {
    ("all", S): TriggerRule.ALL_SUCCESS,
    ("all", S | F | K): TriggerRule.ALL_DONE,
    ("any", S): TriggerRule.ONE_SUCCESS,
    ("any", S | F): TriggerRule.ONE_DONE,
}
_EXACT_IF_REACHED: Final = {
    ("all", F): TriggerRule.ALL_FAILED,
    ("all", S | F): TriggerRule.NONE_SKIPPED,
    ("all", K): TriggerRule.ALL_SKIPPED,
    ("all", S | K): TriggerRule.NONE_FAILED,
}


@dataclass(frozen=True, slots=True)
class _Negation:
    """The constraint holds when ``rule`` does not: a gate carries the rule, the task runs when the gate is skipped.

    ``settle``: the gate can end ``upstream_failed``, so a second one turns that into ``skipped``.
    """

    rule: TriggerRule
    meaning: str
    settle: bool
    misread: bool = field(default=False)


_NEGATIONS: Final = {
    ("all", F | K): _Negation(TriggerRule.ONE_SUCCESS, "a source succeeded", settle=True),
    ("any", F | K): _Negation(TriggerRule.ALL_SUCCESS, "all sources succeeded", settle=True),
    ("any", K): _Negation(TriggerRule.NONE_SKIPPED, "no source was skipped", settle=False, misread=True),
    ("any", S | K): _Negation(TriggerRule.ALL_FAILED, "all sources failed", settle=False, misread=True),
}


def _negated(task: str, prefix: str, names: tuple[str, ...], negation: _Negation) -> Constraint:
    gates = [Gate(f"{prefix}.{negation.rule.value}", task, Wiring(negation.rule, names), negation.meaning)]
    if negation.settle:
        wiring = Wiring(TriggerRule.ONE_DONE, (gates[0].id,))
        gates.append(Gate(f"{gates[0].id}.settled", task, wiring, negation.meaning))
    return Constraint(
        Wiring(TriggerRule.ALL_SKIPPED, (gates[-1].id,)),
        tuple(gates),
        misread=frozenset(names) if negation.misread else frozenset(),
    )


def _any_settled(task: str, prefix: str, names: tuple[str, ...]) -> Constraint:
    """``one_done`` sees success and failure; a pair of gates adds the first source that is skipped."""
    none_skipped = Gate(
        f"{prefix}.none_skipped", task, Wiring(TriggerRule.NONE_SKIPPED, names), "no source was skipped"
    )
    one_skipped = Gate(
        f"{prefix}.one_skipped",
        task,
        Wiring(TriggerRule.ALL_SKIPPED, (none_skipped.id,)),
        "a source was skipped",
    )
    return Constraint(
        Wiring(TriggerRule.ONE_DONE, (*names, one_skipped.id)),
        (none_skipped, one_skipped),
        misread=frozenset(names),
    )
