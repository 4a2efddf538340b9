"""What keeps a plan from becoming a DAG."""

from __future__ import annotations

from typing import Final

from airflow_workflow_provider.definitions.diagnostics import Location

UNEXPECTED: Final = (Exception, SystemExit)
"""Whatever code that a definition names may raise: a script that is imported ends with ``sys.exit()``."""


class BuildError(Exception):
    """A plan that Airflow cannot build: an operator that does not import or refuses its arguments.

    ``location`` is the path inside the workflow definition.
    """

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
