"""Who may publish what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.store.errors import NotPermittedError
from airflow_workflow_provider.store.records import Actor, Kind


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all that is published: what definitions may do, and the roles that may publish packages."""

    trust: Trust
    package_publishers: frozenset[str]


def require_permission(actor: Actor, kinds: Iterable[Kind], rules: Rules) -> None:
    """``NotPermittedError`` if a package is among them and the actor has none of the roles: packages run any code."""
    if Kind.PACKAGE in kinds and not actor.roles & rules.package_publishers:
        allowed = ", ".join(sorted(rules.package_publishers)) or "nobody"
        has = ", ".join(sorted(actor.roles)) or "no role"
        raise NotPermittedError(
            f"{actor.name} may not change packages: that takes one of the roles of [workflows] package_publishers "
            f"({allowed}), {actor.name} has {has}"
        )
