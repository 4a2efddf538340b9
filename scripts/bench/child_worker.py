"""Run in a fresh process: what Airflow's task runner does before a task's own code; print its cost as JSON.

`python child_worker.py FOLDER FILE DAG_ID TASK_ID`. It calls the task runner's own `parse()`
(bundle, DAG file with the parsing context of this DAG and task, look-up of the task) with the message that a
supervisor sends.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from datetime import datetime, timezone

FOLDER, FILE, DAG_ID, TASK_ID = sys.argv[1:5]
# A worker knows its bundles from the configuration, which Airflow reads at import.
os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps(
    [
        {
            "name": "bench",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": FOLDER},
        }
    ]
)

import structlog  # noqa: E402
from airflow.sdk.definitions._internal.dag_parsing_context import (  # noqa: E402
    _airflow_parsing_context_manager,
)
from airflow.sdk.execution_time.comms import StartupDetails  # noqa: E402
from airflow.sdk.execution_time.task_runner import parse  # noqa: E402


def start_message() -> StartupDetails:
    """The message with which a supervisor tells its task process what to run."""
    now = datetime.now(timezone.utc)
    run = {
        "dag_id": DAG_ID,
        "run_id": "bench",
        "logical_date": now,
        "data_interval_start": now,
        "data_interval_end": now,
        "run_after": now,
        "start_date": now,
        "end_date": None,
        "run_type": "manual",
        "state": "running",
        "consumed_asset_events": [],
        "partition_key": None,
    }
    task_instance = {
        "id": uuid.uuid4(),
        "task_id": TASK_ID,
        "dag_id": DAG_ID,
        "run_id": "bench",
        "try_number": 1,
        "dag_version_id": uuid.uuid4(),
    }
    return StartupDetails.model_validate(
        {
            "ti": task_instance,
            "dag_rel_path": FILE,
            "bundle_info": {"name": "bench"},
            "start_date": now,
            "ti_context": {"dag_run": run, "max_tries": 0},
            "sentry_integration": "",
        }
    )


def main() -> None:
    """Parse as a worker would and print how long that took and how many DAGs it built on the way."""
    message = start_message()
    cpu, wall = time.process_time(), time.perf_counter()
    with _airflow_parsing_context_manager(dag_id=message.ti.dag_id, task_id=message.ti.task_id):
        instance = parse(message, structlog.get_logger())
    found = {
        "parse_cpu": time.process_time() - cpu,
        "parse_wall": time.perf_counter() - wall,
        "task": instance.task.task_id,
    }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
