"""The systems that workflows call: their APIs as requests and answers, without Airflow."""
