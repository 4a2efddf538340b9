"""Outcomes of tasks and what edges accept of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Final


class Outcome(str, Enum):
    """How a task of a run ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"


_ACCEPTED: Final = {
    "success": frozenset({Outcome.SUCCESS}),
    "failure": frozenset({Outcome.FAILURE}),
    "completion": frozenset({Outcome.SUCCESS, Outcome.FAILURE}),
    "skipped": frozenset({Outcome.SKIPPED}),
}

RAN: Final = _ACCEPTED["completion"]
ANY_OUTCOME: Final = frozenset(Outcome)


def accepted(names: Iterable[str]) -> frozenset[Outcome]:
    """The outcomes that an edge's words accept: ``completion`` is success or failure, a list is any of its words."""
    return _union(tuple(names))


@cache
def _union(names: tuple[str, ...]) -> frozenset[Outcome]:
    return frozenset().union(*(_ACCEPTED[name] for name in names))
