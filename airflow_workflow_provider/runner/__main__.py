"""``python -m airflow_workflow_provider.runner``: the same as ``workflow-run``."""

from __future__ import annotations

import sys

from airflow_workflow_provider.runner.main import main

if __name__ == "__main__":
    sys.exit(main())
