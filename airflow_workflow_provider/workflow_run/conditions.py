"""What must hold of a run besides that it completed: its duration, and expressions over what it left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_workflow_provider.definitions.diagnostics import one_line, unknown_name
from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.workflow_run.scoped import Scoped, the_one_for
from airflow_workflow_provider.workflow_run.target import Results

Check = Callable[[Mapping[str, Any], Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expression, the function that evaluates it, and the names that it reads."""

    text: str
    check: Check
    variables: Collection[str] = ()
    tasks: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of an invocation; each may be for one workflow or for all."""

    min_duration: Sequence[Scoped[timedelta]] = ()
    max_duration: Sequence[Scoped[timedelta]] = ()
    expectations: Sequence[Scoped[Expectation]] = ()

    def reads(self, workflow: str) -> frozenset[str] | None:
        """Variables whose values at the end are needed; ``None`` when nothing that a run left is."""
        read = [scoped.value.variables for scoped in self.expectations if scoped.applies_to(workflow)]
        return frozenset(name for names in read for name in names) if read else None

    def broken_durations(self, workflow: str, seconds: float | None) -> list[str]:
        """What does not hold of the time that a run took."""
        shortest, longest = the_one_for(workflow, self.min_duration), the_one_for(workflow, self.max_duration)
        if shortest is None and longest is None:
            return []
        if seconds is None:
            return ["the server does not tell how long it took"]
        took = timedelta(seconds=seconds)
        broken = []
        if shortest is not None and took < shortest:
            broken.append(f"it took {seconds:.1f}s, less than --min-duration {format_duration(shortest)}")
        if longest is not None and took > longest:
            broken.append(f"it took {seconds:.1f}s, more than --max-duration {format_duration(longest)}")
        return broken

    def broken_expectations(self, workflow: str, results: Results) -> list[str]:
        """What does not hold of what a run left."""
        broken = []
        for scoped in self.expectations:
            if not scoped.applies_to(workflow):
                continue
            problem = _problem(scoped.value, results)
            if problem:
                broken.append(problem)
        return broken


def _problem(expectation: Expectation, results: Results) -> str | None:
    """What does not hold."""
    text = one_line(expectation.text, limit=200)
    known = (("variable", expectation.variables, results.variables), ("task", expectation.tasks, results.outcomes))
    for kind, read, there in known:
        unknown = [name for name in read if name not in there]
        if unknown:
            return f"cannot be evaluated: {text}: {unknown_name(kind, unknown[0], there)}"
    try:
        return None if expectation.check(results.variables, results.outcomes) else f"does not hold: {text}"
    # An expression may fail in any way: a comparison of text with a number, a division by zero, …
    except Exception as error:  # noqa: BLE001
        return f"cannot be evaluated: {text}: {one_line(str(error), limit=200) or type(error).__name__}"
