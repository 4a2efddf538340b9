"""The definition language: read, checked, never run. Imports no Airflow."""
