"""From an Airflow connection to a client of the system behind it."""
