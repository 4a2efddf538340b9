"""Waiting for Integrate.io's jobs and clusters."""

from __future__ import annotations

from typing import Any

from airflow_workflow_provider.hooks.integrate_io import IntegrateIoHook
from airflow_workflow_provider.remote import integrate_io
from airflow_workflow_provider.remote import integrate_io_clusters as cluster_api
from airflow_workflow_provider.triggers.remote import RemoteTrigger


class IntegrateIoJobTrigger(RemoteTrigger):
    """Fires when a job has ended, with its summary."""

    async def watch(self) -> dict[str, Any]:
        """Wait for the job's end."""
        hook = IntegrateIoHook(self.conn_id)
        ended = await hook.arun(
            integrate_io.wait_until_ended(int(self.number), self.poll_interval, self.deadline, self._report)
        )
        return {"summary": integrate_io.summary(ended), "message": integrate_io.failure(ended), "url": ended.html_url}

    async def stop(self) -> None:
        """Ask for the job to be stopped."""
        await IntegrateIoHook(self.conn_id).arun(integrate_io.stop_job(int(self.number)))

    def _report(self, job: integrate_io.Job) -> None:
        self.log.info("%s", integrate_io.progress(job))


class IntegrateIoClusterTrigger(RemoteTrigger):
    """Fires when a cluster is up, or down if ``down``."""

    def __init__(self, *args: Any, down: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.down = down

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps to make the trigger again."""
        path, arguments = super().serialize()
        return path, {**arguments, "down": self.down}

    async def watch(self) -> dict[str, Any]:
        """Wait until the cluster is up or down."""
        statuses = cluster_api.DOWN if self.down else cluster_api.UP
        found = await IntegrateIoHook(self.conn_id).arun(
            cluster_api.wait_for_cluster(int(self.number), statuses, self.poll_interval, self.deadline)
        )
        return {"status": found.status}

    async def stop(self) -> None:
        """Let the cluster end."""
        await IntegrateIoHook(self.conn_id).arun(cluster_api.terminate_cluster(int(self.number)))
