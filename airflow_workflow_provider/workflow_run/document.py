"""The report as one JSON document, for programs; its shape is documented in docs/workflow-run.md and kept."""

from __future__ import annotations

from typing import Any

from airflow_workflow_provider.workflow_run.clock import Clock
from airflow_workflow_provider.workflow_run.flow import Ending
from airflow_workflow_provider.workflow_run.job import Job


def document(ending: Ending, url: str, clock: Clock) -> dict[str, Any]:
    """What happened."""
    return {
        "result": ending.code.word,
        "exit_code": int(ending.code),
        "message": ending.message,
        "url": url,
        "started": f"{clock.began_at:%Y-%m-%dT%H:%M:%SZ}",
        "seconds": round(clock.elapsed(), 3),
        "problems": [{"workflow": workflow or None, "message": text} for workflow, text in ending.problems],
        "workflows": [_job(job) for job in ending.jobs],
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "phase": job.phase,
        "workflow": job.workflow,
        "state": job.word,
        "result": job.result.word if job.result is not None else None,
        "reason": job.reason or None,
        "run_id": job.run.id if job.run else None,
        "run_url": job.run.url if job.run else None,
        "seconds": round(job.seconds, 3) if job.seconds is not None else None,
    }
