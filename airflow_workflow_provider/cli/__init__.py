"""The command line: ``airflow workflows …`` and, without Airflow, ``python -m airflow_workflow_provider``."""
