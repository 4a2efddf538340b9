"""Waiting for Aperture's jobs."""

from __future__ import annotations

from typing import Any

from airflow_workflow_provider.hooks.aperture import ApertureHook
from airflow_workflow_provider.remote import aperture
from airflow_workflow_provider.triggers.remote import RemoteTrigger


class ApertureJobTrigger(RemoteTrigger):
    """Fires when a job has ended, with its summary.

    :param began: when the task asked for the job, as ``time.time()`` gives it
    """

    def __init__(self, *args: Any, began: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.began = began

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps to make the trigger again."""
        path, arguments = super().serialize()
        return path, {**arguments, "began": self.began}

    async def watch(self) -> dict[str, Any]:
        """Wait for the job's end."""
        hook = ApertureHook(self.conn_id)
        api = (await hook.areach()).api
        ended = await hook.arun(api.wait_until_ended(str(self.number), self.poll_interval, self.deadline, self._report))
        return {
            "summary": aperture.summary(ended),
            "succeeded": api.has_succeeded(ended),
            "error": ended.error,
            "url": ended.url,
            "began": self.began,
        }

    async def stop(self) -> None:
        """Ask for the job to be stopped."""
        hook = ApertureHook(self.conn_id)
        await hook.arun((await hook.areach()).api.stop(str(self.number)))

    def _report(self, job: aperture.Job) -> None:
        self.log.info("Job %s is %s", job.id, job.state)
