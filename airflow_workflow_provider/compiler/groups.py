"""Names of task groups. Groups share their names with tasks, none of which starts with a digit."""

from __future__ import annotations

from typing import Final

RUN_OUTCOME: Final = "0-run-outcome"
_PHASE: Final = "-phase"


def phase_group(number: int) -> str:
    """The group of a phase; the first has number 1."""
    return f"{number}{_PHASE}"


def group_label(group: str) -> str:
    """A group's name as people read it."""
    return "run outcome" if group == RUN_OUTCOME else f"phase {group.removesuffix(_PHASE)}"
