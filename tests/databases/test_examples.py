"""The example workflows, end to end, on SQLite, PostgreSQL and MariaDB, each run in a database of its own."""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.databases import MARIADB_URI, POSTGRES_URI
from tests.dag_test_run import FinishedRun, run_folder

EXAMPLES = Path(__file__).resolve().parents[2] / "dags_example"
pytestmark = [pytest.mark.usefixtures("airflow_database"), pytest.mark.timeout(300)]


def _connection(uri: str, schema: str, **extra: str) -> str:
    parts = urlsplit(uri)
    return json.dumps(
        {
            "conn_type": "postgres" if parts.scheme.startswith("postgres") else "mysql",
            "host": parts.hostname,
            "port": parts.port,
            "login": parts.username,
            "password": parts.password,
            "schema": schema,
            "extra": extra,
        }
    )


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def marketing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The examples' connection ``marketing_db``, to a fresh database with the examples' data as of today."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    name = f"marketing_{uuid.uuid4().hex[:12]}"
    server: Any = None
    if request.param == "sqlite":
        connection = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "marketing.db")})
    else:
        fixture = "postgres_connection_id" if request.param == "postgres" else "mariadb_connection_id"
        server = _hook(request.getfixturevalue(fixture))
        server.run(f"CREATE DATABASE {name}", autocommit=True)
        connection = (
            _connection(POSTGRES_URI, name)
            if request.param == "postgres"
            else _connection(MARIADB_URI, name, client="mysql-connector-python")
        )
    monkeypatch.setenv("AIRFLOW_CONN_MARKETING_DB", connection)
    from marketing import data  # type: ignore[import-not-found]

    hook = _hook("marketing_db")
    with closing(hook.get_conn()) as opened:
        data.install(opened, datetime.now(timezone.utc).date())
    yield hook
    if server is not None:
        server.run(f"DROP DATABASE {name}", autocommit=True)
    for module in [each for each in sys.modules if each.partition(".")[0] == "marketing"]:
        del sys.modules[module]


def _hook(connection_id: str) -> Any:
    from airflow.sdk import BaseHook

    connection: Any = BaseHook.get_connection(connection_id)
    return connection.get_hook()


def run_example(name: str, conf: dict[str, Any] | None = None) -> FinishedRun:
    return run_folder(lambda folder: shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True), name, conf)


def ran(finished: FinishedRun) -> set[str]:
    return {task for task, state in finished.states.items() if state == "success" and "." not in task}


def test_campaign_is_launched(marketing: Any) -> None:
    finished = run_example("campaign_launch")
    assert finished.state == "success"
    assert {"find_campaign", "update_banners", "send_notifications", "mark_launched", "tell_team"} <= ran(finished)
    assert {"no_campaign", "mark_failed", "roll_back"}.isdisjoint(ran(finished))
    campaign = finished.xcoms["find_campaign", "active_campaign_id"]
    [[status]] = marketing.get_records(f"SELECT status FROM campaigns WHERE id = {int(campaign)}")
    assert status == "running"
    [[sent]] = marketing.get_records(f"SELECT COUNT(*) FROM notifications WHERE campaign_id = {int(campaign)}")
    assert sent > 0


def test_day_without_a_campaign(marketing: Any) -> None:
    finished = run_example("campaign_launch", {"region": "APAC"})
    assert finished.state == "success"
    assert {"no_campaign", "aggregate_metrics", "close_campaign"} <= ran(finished)
    assert finished.states["find_campaign"] == "skipped"
    [[sent]] = marketing.get_records("SELECT COUNT(*) FROM campaign_events WHERE event = 'nothing to launch'")
    assert sent == 1


def test_failing_step_is_recovered_from_and_the_run_fails(marketing: Any) -> None:
    finished = run_example("campaign_launch", {"region": "US", "landing_page": "storefront"})
    assert finished.state == "failed"
    assert finished.states["update_banners"] == "failed"
    assert {"mark_failed", "roll_back", "tell_team"} <= ran(finished)
    rows = marketing.get_records("SELECT status, failed_tasks FROM campaigns WHERE failed_tasks IS NOT NULL")
    assert [tuple(row) for row in rows] == [("failed", "update_banners")]


@pytest.mark.parametrize("name", ["execution_paths", "constraints_all", "constraints_any", "publish_promotion"])
def test_the_figures_run(name: str, marketing: Any) -> None:
    assert run_example(name).state == "success"
