"""What a definition may do that comes from the store: anybody who may publish there wrote it.

Files in the DAG folder are trusted code and are not asked. Patterns are as of ``fnmatch``: ``warehouse_*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

DEFAULT_OPERATORS: Final = (
    "airflow_workflow_provider.operators.integrate_io.IntegrateIo*Operator",
    "airflow_workflow_provider.operators.aperture.Aperture*Operator",
)
"""Operators of this provider that take no SQL, no code and no files."""

AIRFLOW_DATABASE: Final = "airflow_db"
"""The connection that Airflow makes to its own database, which holds every other connection."""

# Secrets backends make paths and names of environment variables out of ids.
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]+(/[A-Za-z0-9_\-.:]+)*")
_LONGEST_ID: Final = 250


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a definition may ask of the scheduler; ``interval`` are seconds between two runs of a schedule."""

    active_runs: int = 32
    retries: int = 50
    interval: int = 60
    missed_runs: int = 5_000


@dataclass(frozen=True, slots=True)
class Trust:
    """Patterns of what is allowed; ``refused_connections`` goes before ``connections``.

    ``operators`` and ``notifiers`` are dotted paths of classes, ``secrets`` names of Airflow Variables.
    """

    operators: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    notifiers: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    refused_connections: tuple[str, ...] = ()
    limits: Limits = Limits()

    def refuses_connection(self, name: str) -> bool:
        """Whether no stored definition may use a connection.

        A secrets backend may find one connection under several names: environment variables know no lower case,
        Azure's vault no ``_``.
        """
        refused = (AIRFLOW_DATABASE, *self.refused_connections)
        return any(fnmatchcase(_folded(name), _folded(pattern)) for pattern in refused)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is allowed by one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_plain_id(name: str) -> bool:
    """Whether the id of a connection or of an Airflow Variable is one and the same wherever it is looked up.

    No template, no ``..`` that leads a secrets backend elsewhere, no letter that is another one in upper case.
    """
    if len(name) > _LONGEST_ID or not _PLAIN_ID.fullmatch(name):
        return False
    return not any(part.strip(".") == "" for part in name.split("/"))


def _folded(name: str) -> str:
    return re.sub(r"[\-.:/]", "_", name.upper())
