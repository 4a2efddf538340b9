"""Every *.workflow.yaml beside this file and below becomes an Airflow DAG."""

from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
