"""The examples for Integrate.io and Aperture Data Studio, on a real Airflow, through everything that can go wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dags_example.marketing import data
from scripts.local_airflow import LocalAirflow
from scripts.test_servers import faults
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.examples import furnish
from scripts.test_servers.integrate_io import IntegrateIo
from tests.postgres import metadata_database
from tests.remote_systems import aperture_connection, integrate_io_connection
from tests.system.test_variables import seen_by_anybody

ROOT = Path(__file__).resolve().parents[2]
SECRET = "pa55-w0rd-of-the-crm"
PHASES = [{1}, {2, 3, 4}, {5, 6}, {7}]

SECRET_WORKFLOW = """
workflow: hands_on_a_secret
defaults: {retries: 0}
tasks:
  account: {package: account_job}
  studio: {package: studio_job}
"""
SECRET_PACKAGE = """
package: %s_job
variables: {token: {secret: true, from: harmless}}
run: {%s: {%s, poll_interval: 0.3s}}
"""


@dataclass
class World:
    """An Airflow with the examples, both systems, and the campaign database."""

    airflow: LocalAirflow
    account: IntegrateIo
    studio: Aperture
    database: Path

    def run(self, workflow: str, region: str | None = None) -> tuple[str, str]:
        """A run of today to its end; its state and id."""
        today = datetime.now(timezone.utc).replace(microsecond=0)
        run = self.airflow.trigger(workflow, {"region": region} if region else {}, logical_date=today)
        return self.airflow.wait_for_run(workflow, run), run

    def ask(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the campaign database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, database = tmp_path_factory.mktemp("examples"), tmp_path_factory.mktemp("database") / "campaigns.db"
    with closing(sqlite3.connect(database)) as connection:
        data.install(connection, datetime.now(timezone.utc).date())
    fill(folder)
    account, studio = IntegrateIo(), Aperture()
    furnish(account, studio)
    extra = {"timeout": 2, "retry_wait": 0.2}
    with account.served, studio.served, metadata_database() as metadata:
        env = {
            "AIRFLOW_CONN_INTEGRATE_IO_DEFAULT": integrate_io_connection(account, extra=extra),
            "AIRFLOW_CONN_APERTURE_DEFAULT": aperture_connection(studio, extra=extra),
            "AIRFLOW_CONN_MARKETING_DB": f'{{"conn_type": "sqlite", "host": "{database}"}}',
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        home = tmp_path_factory.mktemp("airflow")
        with LocalAirflow(folder, home=home, sql_alchemy_conn=metadata, env=env) as airflow:
            airflow.wait_for_dag("remote_quality")
            yield World(airflow, account, studio, database)
    assert account.strict.violations == studio.strict.violations == []


def fill(folder: Path) -> None:
    """The examples, which look at their jobs more often here, and a workflow that hands on a secret."""
    shutil.copytree(ROOT / "dags_example" / "remote", folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "dags_example" / "load_workflows.py", folder)
    for package in folder.rglob("*.package.yaml"):
        text = package.read_text(encoding="utf-8")
        assert "poll_interval: 2s" in text
        package.write_text(text.replace("poll_interval: 2s", "poll_interval: 0.3s"), encoding="utf-8")
    (folder / "hands_on_a_secret.workflow.yaml").write_text(SECRET_WORKFLOW)
    account = SECRET_PACKAGE % ("account", "integrate_io", "package: warm_cache, cluster: {nodes: 2}")
    studio = SECRET_PACKAGE % ("studio", "aperture", "workflow: Workflow 1")
    (folder / "account_job.package.yaml").write_text(account)
    (folder / "studio_job.package.yaml").write_text(studio)


def trouble(start: str, job: str, lists: str) -> list[faults.Fault]:
    """Late, flaky, rate-limited, lost and half answers, and HTML, for each kind of request.

    ``start``, ``job``, ``lists``: patterns of the paths by which jobs are started, asked for and listed.
    """
    wait = {"Retry-After": "1"}
    return [
        faults.refused("POST", start, 503),
        faults.late("POST", start, 1),
        faults.lost("POST", start),
        faults.refused("POST", start, 429, headers=wait),
        faults.cut("POST", start),
        faults.refused("GET", lists, 500),
        faults.html("GET", lists),
        faults.cut("GET", lists),
        faults.refused("GET", lists, 429, headers=wait),
        faults.late("GET", job, 1),
        faults.refused("GET", job, 500, times=2),
        faults.html("GET", job, status=502),
        faults.html("GET", job),
        faults.refused("GET", job, 429, headers=wait),
        faults.cut("GET", job),
        faults.lost("GET", job),
    ]


def left(ordered: list[faults.Fault]) -> list[faults.Fault]:
    """Those that did not happen."""
    return [fault for fault in ordered if fault.times]


def test_the_campaign_starts_each_job_once_through_all_faults(world: World) -> None:
    account = world.account
    ordered = trouble(r"/jobs$", r"/jobs/\d+$", r"/(jobs|packages|clusters)$")
    account.served.order(*ordered, faults.lost("POST", "/clusters$"))
    account.hidden_lists = 3  # a list that does not have the newest job yet
    account.job_script = ["pending", "running", "pending", "of_a_later_version", "running", "completed"]
    state, run = world.run("remote_campaign")
    assert state == "success", world.airflow.task_states("remote_campaign", run)
    assert left(ordered) == []
    names = {package["id"]: package["name"] for package in account.packages}
    started = [names[job.values["package_id"]] for job in account.jobs]
    assert started == ["bootstrap_tables", "warm_cache", "publish_promo"]
    assert len(account.clusters) == 1
    [(campaign, job)] = world.ask(
        "SELECT id, launched_by FROM campaigns WHERE region = 'EU' AND status = 'running' AND launched_by IS NOT NULL"
    )
    assert job == str(account.jobs[-1].id)
    assert world.ask("SELECT campaign_id, detail FROM campaign_events WHERE run_id = ?", run) == [(campaign, "42")]
    given = {name: value for name, value in account.jobs[-1].values["variables"].items() if name != "airflow_task"}
    assert (given["promo_campaign"], given["promo_limit"]) == (str(campaign), "42")


def test_seven_workflows_start_each_job_once_and_phase_after_phase_through_all_faults(world: World) -> None:
    studio = world.studio
    ordered = trouble(r"/execute$", r"/jobs/\d+$", r"/(jobs|workflows)$")
    studio.served.order(*ordered)
    studio.job_script = ["SUBMITTED", "RUNNING", "QUEUED", "Of_A_Later_Version", "RUNNING", "COMPLETED"]
    state, run = world.run("remote_quality")
    assert state == "success", world.airflow.task_states("remote_quality", run)
    assert left(ordered) == []
    started = [int(str(job.values["workflowName"]).removeprefix("Workflow ")) for job in studio.jobs]
    assert len(started) == 7
    assert [set(started[:1]), set(started[1:4]), set(started[4:6]), set(started[6:])] == PHASES
    assert studio.jobs[-1].values["request"]["workflowParameters"]["expected_rows"] == 42
    finished = {job.id: datetime.fromisoformat(job.values["finishedAt"].replace("Z", "+00:00")) for job in studio.jobs}
    assert max(finished.values()) == finished[studio.jobs[-1].id]


def test_a_job_that_somebody_stops_fails_its_task_and_the_failure_is_handled(world: World) -> None:
    account = world.account
    account.served.mend()
    account.jobs.clear()
    account.job_script = ["running", "completed"]
    [publish] = [package["id"] for package in account.packages if package["name"] == "publish_promo"]
    account.job_scripts[publish] = ["running", "pending_stoppage", "stopping", "stopped"]
    state, run = world.run("remote_campaign", "US")
    states = world.airflow.task_states("remote_campaign", run)
    assert (state, states["publish_promo"], states["mark_failed"]) == ("failed", "failed", "success")
    assert len(account.jobs) == 4, "one for each attempt"
    last = account.jobs[-1].id
    log = world.airflow.task_log("remote_campaign", run, "publish_promo", 2)
    assert f"Integrate.io: job {last} was stopped" in log
    failed = world.ask("SELECT failed_tasks FROM campaigns WHERE region = 'US' AND status = 'failed'")
    assert failed == [("publish_promo",)]


def test_a_secret_reaches_the_jobs_and_is_seen_by_nobody(world: World) -> None:
    airflow, account, studio = world.airflow, world.account, world.studio
    account.served.mend()
    studio.served.mend()
    airflow.set_variable("harmless", SECRET)
    account.outputs = [{"id": 1, "name": f"rows of {SECRET}", "records_count": 1}]
    account.job_script, studio.job_script = ["running", "completed"], ["RUNNING", "COMPLETED"]
    studio.result = {"echo": f"token {SECRET}"}
    state, run = world.run("hands_on_a_secret")
    assert state == "success", airflow.task_states("hands_on_a_secret", run)
    assert account.jobs[-1].values["variables"]["token"] == SECRET
    assert studio.jobs[-1].values["request"]["workflowParameters"] == {"token": SECRET}
    assert "rows of ***" in airflow.task_log("hands_on_a_secret", run, "account")
    account.job_script, account.errors = ["running", "failed"], f"{SECRET} was refused"
    state, run = world.run("hands_on_a_secret")
    assert state == "failed"
    assert "*** was refused" in airflow.task_log("hands_on_a_secret", run, "account")
    assert seen_by_anybody(airflow, SECRET) == []
