"""``python -m airflow_workflow_provider.workflow_run``: the same as ``workflow-run``."""

from __future__ import annotations

import sys

from airflow_workflow_provider.workflow_run.main import main

if __name__ == "__main__":
    sys.exit(main())
