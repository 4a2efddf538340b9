"""Timetables: when Airflow starts the runs of a workflow."""
