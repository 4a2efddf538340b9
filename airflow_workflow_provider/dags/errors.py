"""What keeps a plan from becoming a DAG."""

from __future__ import annotations

from typing import Final

from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_workflow_provider.definitions.diagnostics import Location

INTERRUPTIONS: Final = (AirflowTaskTimeout, KeyboardInterrupt, GeneratorExit)
"""What is no error of a definition. Everything else may come from code that one names: a script that is imported ends
with ``sys.exit()``, a test skips itself.
"""


class BuildError(Exception):
    """A plan that Airflow cannot build: an operator that does not import or refuses its arguments.

    ``location`` is the path inside the workflow definition.
    """

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.message = message
        self.location = location


def words_of(error: BaseException) -> str:
    """What an error says; nothing if it cannot even say that: its class may be anybody's."""
    try:
        return str(error)
    except INTERRUPTIONS:
        raise
    except BaseException:  # noqa: BLE001 - whatever it raises is what it cannot say
        return ""
