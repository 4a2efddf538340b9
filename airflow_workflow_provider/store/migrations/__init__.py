"""How the store's tables came to be, step by step; ``airflow workflows db migrate`` runs what is missing."""
