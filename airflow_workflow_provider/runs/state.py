"""Ask Airflow, from a worker or a triggerer, how a run stands."""

from __future__ import annotations

from typing import Final

from airflow.sdk.exceptions import AirflowRuntimeError

MISSING: Final = "missing"


def run_state(workflow: str, run_id: str) -> str:
    """Airflow's state of a run, ``missing`` if there is none; ``AirflowRuntimeError`` when Airflow cannot tell."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        state = RuntimeTaskInstance.get_dagrun_state(dag_id=workflow, run_id=run_id)
    except AirflowRuntimeError as error:
        if is_not_found(error):
            return MISSING
        raise
    return str(getattr(state, "value", state))


def count_runs(workflow: str, run_ids: list[str]) -> int:
    """How many of these runs there are."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_dr_count(dag_id=workflow, run_ids=run_ids)


def is_not_found(error: AirflowRuntimeError) -> bool:
    """Whether Airflow answered that there is no such thing."""
    return (error.error.detail or {}).get("status_code") == 404
