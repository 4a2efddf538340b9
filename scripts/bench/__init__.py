"""`make bench`: the provider's speed beside hand-written DAG files and the other YAML-to-DAG tools."""
