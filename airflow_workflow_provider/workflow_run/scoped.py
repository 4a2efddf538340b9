"""Arguments for one workflow only: ``WORKFLOW:VALUE``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scoped(Generic[T]):
    """A value for one workflow, or for all (``workflow`` is ``None``)."""

    value: T
    workflow: str | None = None

    def applies_to(self, workflow: str) -> bool:
        """Whether it is meant for a workflow."""
        return self.workflow is None or self.workflow == workflow


def split_scope(text: str, workflows: Collection[str]) -> Scoped[str]:
    """``WORKFLOW:VALUE`` if it begins with the name of a workflow of this invocation, else a value for all."""
    for name in sorted(workflows, key=len, reverse=True):  # a name may hold a colon, and begin as another one
        rest = text.lstrip().removeprefix(name).lstrip()
        if rest.startswith(":") and text.lstrip().startswith(name):
            return Scoped(rest[1:].lstrip(), name)
    return Scoped(text)


def the_one_for(workflow: str, given: Sequence[Scoped[T]]) -> T | None:
    """The value for a workflow: its own before the one for all, the last one given wins."""
    own = [scoped.value for scoped in given if scoped.workflow == workflow]
    common = [scoped.value for scoped in given if scoped.workflow is None]
    return own[-1] if own else common[-1] if common else None
