"""Listeners: what this package does when Airflow tells of a run's state."""
