"""``workflow-run``: start workflows from any scheduler and wait for them, without Airflow's code."""
