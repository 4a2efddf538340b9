"""How definitions from the store reach dag processor and workers: releases as folders of DAG files; the DAG bundle."""
