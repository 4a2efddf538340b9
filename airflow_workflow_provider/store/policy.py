"""What the `[workflows]` section of Airflow's configuration says of definitions in the store. Imports nothing heavy:
workers read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow.configuration import conf

from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS, Limits, Trust

SECTION: Final = "workflows"
DEFAULT_CONN_ID: Final = "workflow_store"
BUNDLE: Final = "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle"


def store_conn_id() -> str:
    """The connection of the store."""
    return str(conf.get(SECTION, "store_conn_id", fallback=DEFAULT_CONN_ID))


def trust(*stores: str) -> Trust:
    """What definitions of the store may do; never use its own connection, nor those of other ``stores``."""
    return Trust(
        operators=patterns("allowed_operators", ", ".join(DEFAULT_OPERATORS)),
        connections=patterns("allowed_connections", "*"),
        notifiers=patterns("allowed_notifiers", ""),
        secrets=patterns("allowed_secrets", ""),
        refused_connections=tuple(dict.fromkeys((store_conn_id(), *_of_bundles(), *stores))),
        limits=_limits(),
    )


def _limits() -> Limits:
    usual = Limits()
    return Limits(
        active_runs=conf.getint(SECTION, "most_active_runs", fallback=usual.active_runs),
        retries=conf.getint(SECTION, "most_retries", fallback=usual.retries),
        interval=conf.getint(SECTION, "shortest_interval", fallback=usual.interval),
        missed_runs=conf.getint(SECTION, "most_missed_runs", fallback=usual.missed_runs),
    )


def own_bundles() -> list[Mapping[str, Any]]:
    """The DAG bundles in Airflow's configuration that bring workflows of a store."""
    bundles = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=[])
    if not isinstance(bundles, list):
        return []
    return [each for each in bundles if isinstance(each, dict) and each.get("classpath") == BUNDLE]


def _of_bundles() -> Iterator[str]:
    for bundle in own_bundles():
        conn_id = (bundle.get("kwargs") or {}).get("store_conn_id")
        if conn_id:
            yield str(conn_id)


def patterns(key: str, default: str) -> tuple[str, ...]:
    """A setting that is a list, written with commas or line breaks."""
    text = str(conf.get(SECTION, key, fallback=default))
    return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())
