"""What differs between two definitions, by what they mean: order, short forms and comments do not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from airflow_workflow_provider.compiler.normal_form import package_form, same, workflow_form
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.models import Package


class Change(str, Enum):
    """What happened to a part of a definition."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that differs; ``before`` and ``after`` are what JSON can hold, ``None`` where there was nothing.

    ``location`` is its place in the definition: ``("tasks", "load", "depends_on", "find")``.
    """

    location: Location
    change: Change
    before: Any = None
    after: Any = None


def workflow_differences(before: Definition, after: Definition) -> tuple[Difference, ...]:
    """What changes when one workflow becomes the other, also in the packages that both run; empty: nothing."""
    return (
        *_mappings((), workflow_form(before), workflow_form(after)),
        *(
            difference
            for name, package in before.packages.items()
            if name in after.packages
            for difference in _mappings(("packages", name), package_form(package), package_form(after.packages[name]))
        ),
    )


def package_differences(before: Package, after: Package) -> tuple[Difference, ...]:
    """What changes when one package becomes the other."""
    return tuple(_mappings((), package_form(before), package_form(after)))


# Whose entries have names: such an entry is added or removed as a whole.
_OF_NAMED: Final = frozenset({"tasks", "variables", "schedules", "depends_on", "set", "arguments"})


def _mappings(location: Location, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        place = (*location, name)
        if name in before and name in after:
            yield from _values(place, before[name], after[name])
        elif name in _OF_NAMED and isinstance(part := before.get(name, after.get(name)), Mapping) and part:
            yield from _mappings(place, before.get(name, {}), after.get(name, {}))
        elif name in after:
            yield Difference(place, Change.ADDED, after=after[name])
        else:
            yield Difference(place, Change.REMOVED, before=before[name])


def _values(place: Location, before: Any, after: Any) -> Iterator[Difference]:
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mappings(place, before, after)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and _has_parts(place):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _values((*place, index), one, other)
    else:
        yield Difference(place, Change.CHANGED, before, after)


def _has_parts(place: Location) -> bool:
    """Whether items of the list are told one by one; what an edge accepts and tags are told as a whole."""
    return "depends_on" not in place[-2:] and place != ("tags",)
