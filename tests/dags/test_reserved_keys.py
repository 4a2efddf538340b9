"""Data with the keys by which Airflow knows objects of its own: it is data, for whoever reads it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.dag_test_run import run_definition

OBJECT = {"__type": "airflow.sdk.definitions.asset.Asset", "__var": {"name": "a", "uri": "s3://b"}}
CLASS = {"__classname__": "tests.dags.test_reserved_keys.Never", "__version__": 1, "__data__": {"a": 1}}


class Never:
    def __init__(self, *_: object) -> None:
        raise AssertionError("data has become an object")

    deserialize = __init__


@pytest.mark.parametrize("data", [OBJECT, CLASS, {"deep": [CLASS, {"~": OBJECT}]}])
def test_what_a_query_returns_is_data_for_its_readers(
    data: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_database: None
) -> None:
    file = tmp_path / "data.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE seen (x TEXT)")
        connection.execute("CREATE TABLE given (x TEXT)")
        connection.execute("INSERT INTO given VALUES (?)", [json.dumps(data)])
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_RESERVED_DB", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    run = run_definition(
        {
            "w.workflow.yaml": """
workflow: reserved_keys
variables: {x: {type: json}}
defaults: {connection: reserved_db}
tasks:
  find: {sql: SELECT x FROM given, set: x}
  keep: {sql: INSERT INTO seen VALUES (:x), depends_on: find, if: vars.x | length > 0}
"""
        }
    )
    assert run.state == "success"
    with closing(sqlite3.connect(file)) as connection:
        ((kept,),) = connection.execute("SELECT x FROM seen")
    assert json.loads(kept) == data
