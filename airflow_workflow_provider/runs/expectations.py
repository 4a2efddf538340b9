"""Whether a run did what its definition expects: sentences about what it did not, without Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any, Final

from airflow_workflow_provider.compiler.plan import Expectations
from airflow_workflow_provider.definitions.checks import check_references, compile_check
from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.definitions.sandbox import Names
from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.semantics import NOTHING_FAILED

_MET: Final = "every expectation was met"
ALL_WELL: Final = frozenset({NOTHING_FAILED, f"{NOTHING_FAILED}; {_MET}"})
"""The reasons of runs of which there is nothing to tell."""
USUAL_RUNS: Final = 10
"""How many of the last successful runs tell what is usual."""

FEWEST_USUAL_RUNS: Final = 3
"""With fewer of them nothing is usual yet."""


def usual_duration(seconds: Sequence[float]) -> float | None:
    """The median of the durations of past runs; ``None`` while there are too few to tell."""
    usual = median(seconds) if len(seconds) >= FEWEST_USUAL_RUNS else 0.0
    return usual or None


def longest_duration(maximum: float | None, of_usual: float | None, usual: float | None) -> float | None:
    """The seconds after which a run is late: the first of ``max`` and ``of_usual`` that passes."""
    limits = [maximum, of_usual * usual if of_usual and usual else None]
    return min((limit for limit in limits if limit is not None), default=None)


def broken_durations(expect: Expectations, seconds: float, usual: float | None, *, whole: bool = True) -> list[str]:
    """A sentence for each limit that a run of that many seconds has passed.

    ``usual``: what such runs usually take, if that is known. A run that is not ``whole``, since only part of it was run
    again, is never too short.
    """
    broken: list[str] = []
    if whole and expect.min is not None and seconds < expect.min:
        broken.append(f"{_took(seconds, expect.min)}, less than the expected {shown_duration(expect.min)}")
    if expect.max is not None and seconds > expect.max:
        broken.append(f"{_took(seconds, expect.max)}, more than the expected {shown_duration(expect.max)}")
    if expect.of_usual is not None and usual:
        usually = f"the usual {shown_duration(usual)} (median of the last successful runs)"
        if seconds > expect.of_usual * usual:
            broken.append(f"{_took(seconds, usual)}, more than {expect.of_usual:g} times {usually}")
        if whole and seconds < usual / expect.of_usual:
            broken.append(f"{_took(seconds, usual)}, less than 1/{expect.of_usual:g} of {usually}")
    return broken


def _took(seconds: float, limit: float) -> str:
    """How long the run took, so exactly that it does not look like the limit that it passed."""
    shown = shown_duration(seconds)
    return f"the run took {shown if shown != shown_duration(limit) else f'{seconds:.3f}s'}"


def broken_check(
    check: str, read: Callable[[str], Any], outcomes: Mapping[str, str], is_secret: Callable[[str], bool]
) -> str | None:
    """The sentence about a check that does not hold, with what it read; ``None`` for one that holds.

    A check that cannot be evaluated does not hold. Values of secrets are not in the sentence. What ``read`` raises
    besides ``VariableError`` is the caller's.
    """
    variables, tasks = check_references(check)
    try:
        values = {name: read(name) for name in variables}
    except VariableError as error:
        return f"{check} cannot be evaluated: {error}"
    seen = [f"{name} = {'***' if is_secret(name) else shown_value(value)}" for name, value in values.items()]
    seen += [f"tasks.{name} = {outcomes.get(name)}" for name in tasks]
    try:
        holds = compile_check(check)(Names(values.__getitem__), Names(outcomes.__getitem__))  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - whatever comparing raises, the check did not hold
        # What went wrong may quote the values.
        problem = type(error).__name__ if any(map(is_secret, variables)) else one_line(str(error), limit=300)
        return f"{check} cannot be evaluated: {problem}{_in_brackets(seen)}"
    return None if holds else f"{check} does not hold{': ' if seen else ''}{', '.join(seen)}"


def outcome_reason(reason: str, expect: Expectations, broken: Sequence[str]) -> str:
    """The run's reason where its tasks did not fail it: ``reason`` is what they did."""
    if not broken:
        return f"{reason}; {_MET}"
    word = "broken expectation" if len(broken) == 1 else "broken expectations"
    tasks = "" if reason == NOTHING_FAILED else f"; {reason}"
    warned = "; on_violation: warn" if expect.on_violation == "warn" else ""
    return f"{word}: {'; '.join(broken)}{tasks}{warned}"


def shown_duration(seconds: float) -> str:
    """A duration for people: whole units as definitions write them, else ``1h 5m``, ``2m 3s`` or ``4.2s``."""
    if seconds < 60:
        return format_duration(timedelta(seconds=round(seconds, 1 if seconds >= 1 else 3)))
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def shown_value(value: Any) -> str:
    """A value as the language writes it, not longer than a line."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if value is None or isinstance(value, bool | str | list | tuple | dict):
        return one_line(json.dumps(value, default=str, ensure_ascii=False), limit=80)
    return one_line(str(value), limit=80)


def _in_brackets(seen: Sequence[str]) -> str:
    return f" ({', '.join(seen)})" if seen else ""
