"""Plan → Airflow DAG, and the folder that becomes DAGs."""
