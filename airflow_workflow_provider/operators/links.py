"""Links from a task to its job in the system that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

JOB_URL: Final = "job_url"
"""The XCom that holds a link; it is there as soon as the job is."""


class _JobLink(BaseOperatorLink):
    @property
    def xcom_key(self) -> str:
        """Where the link is kept."""
        return JOB_URL

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The job's page; empty while there is no job."""
        url: str | None = getattr(operator, "job_url", None)
        if url is None:  # an attempt that has gone neither through execute nor through execute_complete
            from airflow.sdk.execution_time.xcom import XCom

            url = XCom.get_value(ti_key=ti_key, key=JOB_URL)
        return url or ""


class IntegrateIoJobLink(_JobLink):
    """To the job's page in Integrate.io."""

    name = "Integrate.io job"


class ApertureJobLink(_JobLink):
    """To the job's page in Aperture, if its API tells one."""

    name = "Aperture job"
