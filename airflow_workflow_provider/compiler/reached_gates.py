"""Which tasks need a gate before them, so that those who wait for them do not misread ``upstream_failed``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_workflow_provider.compiler.constraints import Constraint
from airflow_workflow_provider.compiler.plan import TriggerRule, Wiring

_CAN_BECOME_UPSTREAM_FAILED = frozenset({TriggerRule.ALL_SUCCESS, TriggerRule.ONE_SUCCESS, TriggerRule.NONE_FAILED})


def reached_gates(constraints: Mapping[str, Constraint]) -> dict[str, Wiring]:
    """The tasks that need a gate before them, so that they are skipped, never ``upstream_failed``; with their wiring.

    Those are the tasks that could become ``upstream_failed`` and whose dependants would misread it.
    """
    exposed = _Exposed(constraints)
    misread = {
        source
        for constraint in constraints.values()
        for source in constraint.misread
        if exposed.becomes_upstream_failed(source)
        and not (constraint.alert and exposed.only_after(source, constraint.misread))
    }
    return {name: Wiring(TriggerRule.ONE_DONE, (reached_gate(name),)) for name in constraints if name in misread}


def reached_gate(task: str) -> str:
    """The name of the gate that carries a task's constraint."""
    return f"{task}.reached"


@dataclass(frozen=True)
class _Exposed:
    """Which tasks can become ``upstream_failed``, and after whose failure."""

    constraints: Mapping[str, Constraint]

    def becomes_upstream_failed(self, task: str) -> bool:
        """By its rule, since any task can fail. A ``.all`` decision waits for all and is itself only skipped."""
        constraint = self.constraints[task]
        decided_by_all = constraint.decision is not None and constraint.decision.constraint == "all"
        return constraint.wiring.rule in _CAN_BECOME_UPSTREAM_FAILED and bool(
            constraint.wiring.upstream and not decided_by_all
        )

    def only_after(self, task: str, sources: frozenset[str]) -> bool:
        """Whether ``task`` is ``upstream_failed`` only when one of ``sources`` has failed: then an alert over all of
        them fires for the right reason.
        """
        waiting, seen = [task], {task}
        while waiting:
            name = waiting.pop()
            if not self.becomes_upstream_failed(name):
                continue
            for source in self.constraints[name].wiring.upstream:
                if source not in sources:
                    return False
                if source not in seen:
                    seen.add(source)
                    waiting.append(source)
        return True
