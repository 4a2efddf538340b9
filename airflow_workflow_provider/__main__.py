"""``python -m airflow_workflow_provider``: the command line without Airflow."""

from __future__ import annotations

import sys

from airflow_workflow_provider.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
