"""The plugin that Airflow loads through the entry point ``airflow.plugins``.

Not through ``plugins`` of the provider's metadata: Airflow reads that only without ``[core] lazy_discover_providers``,
which is on by default, and would then report the second registration as an error.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_workflow_provider.listeners import deadlines, run_note, sub_workflows
from airflow_workflow_provider.plugins.run_view import EXTERNAL_VIEW, FASTAPI_APP


class _Timetables:
    """Imported when Airflow asks: every worker loads the plugin and none asks."""

    def __get__(self, plugin: object, kind: type) -> list[Any]:
        from airflow_workflow_provider.timetables.schedules import SchedulesTimetable

        return [SchedulesTimetable]


class _DeadlineReferences:
    """Imported when Airflow asks, as the timetables are."""

    def __get__(self, plugin: object, kind: type) -> list[Any]:
        from airflow_workflow_provider.notifications.deadlines import LongestExpectedDuration

        return [LongestExpectedDuration]


class WorkflowPlugin(AirflowPlugin):
    """Everything of this package that Airflow finds through its plugin manager."""

    name = "airflow-workflow-provider"
    timetables: Any = _Timetables()
    deadline_references: Any = _DeadlineReferences()
    # Airflow declares them as lists of the class.
    listeners: list[Any] = [run_note, deadlines, sub_workflows]  # noqa: RUF012
    external_views: list[Any] = [EXTERNAL_VIEW]  # noqa: RUF012
    fastapi_apps: list[Any] = [FASTAPI_APP]  # noqa: RUF012

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Also watch what Airflow tells no listener."""
        sub_workflows.watch_task_states()
