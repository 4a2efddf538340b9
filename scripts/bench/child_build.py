"""Run in a fresh process: fill Airflow's DagBag from a folder; print its CPU time and what it holds, as JSON.

`python child_build.py WARM_UP_FOLDER FOLDER`. The first folder holds one hand-written DAG; loading it
brings in what Airflow itself imports on the first DAG: that start is common to all and no part of the figure.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag


def load(folder: Path) -> BundleDagBag:
    """Fill a DagBag from a folder as the dag processor does from a file."""
    return BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="bench", load_op_links=False)


def cpu() -> float:
    """Seconds of CPU so far, user and system, of this process and the children it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def description_of(dag: Any) -> list[object]:
    """What the definition asks for, so that tools can be compared; a tool's own additions are left out."""
    tasks = [
        (
            name,
            sorted(task.upstream_task_ids),
            task.bash_command,
            task.env,
            task.append_env,
            task.retries,
            task.retry_delay.total_seconds(),
            task.owner,
            str(task.trigger_rule),
        )
        for name, task in sorted(dag.task_dict.items())
        if hasattr(task, "bash_command")
    ]
    start = dag.start_date.isoformat()
    return [
        dag.dag_id,
        dag.description,
        str(dag.schedule),
        start,
        dag.catchup,
        {"feeds", "warehouse"} <= dag.tags,
        tasks,
    ]


def main() -> None:
    """Load both folders, measure the second."""
    load(Path(sys.argv[1]))
    started = cpu()
    bag = load(Path(sys.argv[2]))
    spent = cpu() - started
    content = json.dumps([description_of(dag) for _, dag in sorted(bag.dags.items())])
    found = {
        "cpu": spent,
        "dags": len(bag.dags),
        "tasks": sum(len(dag.task_dict) for dag in bag.dags.values()),
        "content": hashlib.sha256(content.encode()).hexdigest()[:16],
        "errors": dict(list(bag.import_errors.items())[:3]),
    }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
