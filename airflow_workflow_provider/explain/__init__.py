"""What happened in a run and why, from its plan and what Airflow has recorded of it."""
