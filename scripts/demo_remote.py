"""Run the examples for Integrate.io and Aperture Data Studio in a real local Airflow (`make demo-remote`).

Both systems are stand-ins on loopback, so no account is needed. Three runs: a campaign on Integrate.io, seven
workflows of Aperture Data Studio, and a campaign one of whose jobs fails. After each: what ran, the remote jobs, the
variables, the rows it changed. Exit code 1 when anything is not as it should be.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from airflow_workflow_provider.definitions.outcomes import Outcome
from dags_example.marketing import data
from scripts import demo, demo_changes
from scripts.demo_program import parse_options, play
from scripts.local_airflow import LocalAirflow
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.examples import connections, furnish
from scripts.test_servers.integrate_io import IntegrateIo

if TYPE_CHECKING:
    from rich.console import Console

FOLDER: Final = demo.EXAMPLES / "remote"
CAMPAIGN: Final = "remote_campaign"
QUALITY: Final = "remote_quality"
FAILING_PACKAGE: Final = "publish_promo"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run and what must come of it; ``jobs``: how many remote jobs it asks for, ``changed``: rows by table."""

    workflow: str
    title: str
    conf: Mapping[str, Any]
    state: str
    failed: frozenset[str]
    skipped: frozenset[str]
    jobs: int
    changed: Mapping[str, int]


SCENARIOS: Final = (
    Scenario(
        workflow=CAMPAIGN,
        title="a campaign starts today (Integrate.io)",
        conf={},
        state="success",
        failed=frozenset(),
        skipped=frozenset({"mark_failed"}),
        jobs=3,
        changed={"campaigns": 1, "campaign_events": 1},
    ),
    Scenario(
        workflow=QUALITY,
        title="seven workflows in four phases (Aperture Data Studio)",
        conf={},
        state="success",
        failed=frozenset(),
        skipped=frozenset(),
        jobs=7,
        changed={},
    ),
    Scenario(
        workflow=CAMPAIGN,
        title=f"the jobs of {FAILING_PACKAGE} fail, at the second attempt too (Integrate.io, region US)",
        conf={"region": "US"},
        state="failed",
        failed=frozenset({"publish_promo"}),
        skipped=frozenset({"mark_launched"}),
        jobs=4,
        changed={"campaigns": 1},
    ),
)


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as its system has it."""

    number: int
    runs: str
    status: str
    records: str
    given: Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Run the demo; 0 if everything came out as it should."""
    options = parse_options("demo_remote", __doc__, "leave Airflow and the stand-ins up, until Ctrl-C", arguments)
    return play(lambda console, home: RemoteDemo(console, home).run(stay=options.ui), keep=options.keep)


class RemoteDemo:
    """The runs, one after the other, on one Airflow and both stand-ins."""

    def __init__(self, console: Console, home: Path) -> None:
        self.console = console
        self.home = home
        self.account = IntegrateIo()
        self.studio = Aperture()
        self.views = {
            name: demo.Demo(console, home, demo.read_definition(FOLDER / f"{name}.workflow.yaml"))
            for name in (CAMPAIGN, QUALITY)
        }
        self.say = self.views[CAMPAIGN].say
        self.database = self.views[CAMPAIGN].database
        self.today = datetime.now(timezone.utc).date()

    def run(self, *, stay: bool) -> int:
        """All scenarios; then, with ``stay``, serve until interrupted."""
        with closing(sqlite3.connect(self.database)) as connection:
            data.install(connection, self.today)
        furnish(self.account, self.studio)
        with self.account.served, self.studio.served:
            self.say(
                f"Integrate.io's stand-in is at {self.account.base_url}, Aperture's at {self.studio.served.address}"
            )
            self.say(
                "Starting Airflow: API server, scheduler, dag processor, triggerer (half of the time goes into this)"
            )
            with self._airflow() as airflow:
                problems = [
                    f"{scenario.title}: {problem}"
                    for number, scenario in enumerate(SCENARIOS)
                    for problem in self.play(airflow, scenario, number)
                ]
                problems += [*self.account.strict.violations, *self.studio.strict.violations]
                self.summary(problems)
                if stay:
                    self.console.print(f"\nAirflow stays up at [bold]{airflow.url}[/bold]; Ctrl-C here stops it.")
                    airflow.wait()
        return 1 if problems else 0

    @contextmanager
    def _airflow(self) -> Iterator[LocalAirflow]:
        env = {
            **connections(self.account, self.studio),
            "AIRFLOW_CONN_MARKETING_DB": demo.connection_json(self.database),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "PYTHONPATH": demo.python_path(),
        }
        with LocalAirflow(
            demo.EXAMPLES,
            home=self.home / "airflow",
            env=env,
            parse_interval=demo.PARSE_SECONDS,
            progress=lambda component: self.say(f"  {component} is up"),
        ) as airflow:
            self.say(f"Airflow is at {airflow.url}")
            for name in self.views:
                airflow.wait_for_dag(name)
            yield airflow

    def play(self, airflow: LocalAirflow, scenario: Scenario, number: int) -> list[str]:
        """One run, shown; what was not as expected."""
        view, workflow = self.views[scenario.workflow], scenario.workflow
        self.console.print()
        self.console.rule(f"[bold]{scenario.title}")
        if scenario.failed:
            self._let_jobs_fail()
        before, known = demo_changes.snapshot(self.database), len(self.jobs(workflow))
        moment = datetime(self.today.year, self.today.month, self.today.day, tzinfo=timezone.utc)
        run_id = airflow.trigger(workflow, scenario.conf, logical_date=moment + timedelta(minutes=number))
        state = view.follow(airflow, run_id)
        tasks = {task.task_id: task for task in airflow.task_instances(workflow, run_id)}
        outcomes = {name: demo.OUTCOMES.get(str(tasks[name].state), Outcome.SKIPPED) for name in view.definition.order}
        jobs = self.jobs(workflow)[known:]
        changes = demo_changes.compare(before, demo_changes.snapshot(self.database))
        self.console.print(view.task_table(tasks, outcomes))
        self.console.print(job_table(jobs))
        self.console.print(view.variable_table(scenario.conf, airflow.xcoms(workflow, run_id)))
        if changes:
            self.console.print(demo_changes.change_table(changes))
        self.console.print(f"The run's state is [bold]{state}[/bold]")
        for line in errors(airflow, workflow, run_id, tasks, scenario.failed):
            self.console.print(line, markup=False)
        return unexpected(scenario, state, outcomes, jobs, changes)

    def jobs(self, workflow: str) -> list[RemoteJob]:
        """All jobs of the system on which a workflow works, the oldest first."""
        if workflow == QUALITY:
            return [studio_job(job.values) for job in self.studio.jobs]
        names = {package["id"]: str(package["name"]) for package in self.account.packages}
        return [account_job(job.values, names) for job in self.account.jobs]

    def _let_jobs_fail(self) -> None:
        number = next(each["id"] for each in self.account.packages if each["name"] == FAILING_PACKAGE)
        self.account.job_scripts[number] = ["running", "failed"]

    def summary(self, problems: Sequence[str]) -> None:
        """The last lines."""
        self.console.print()
        for problem in problems:
            self.console.print(f"Not as expected: {problem}", style="red", markup=False)
        if not problems:
            self.say(f"All {len(SCENARIOS)} runs came out as expected, each remote job was started once")


def account_job(values: Mapping[str, Any], names: Mapping[int, str]) -> RemoteJob:
    """A job of Integrate.io."""
    records = ", ".join(f"{each['name']}: {each['records_count']}" for each in values["outputs"])
    return RemoteJob(
        values["id"],
        names[values["package_id"]],
        values["status"],
        records or values["errors"] or "",
        values["variables"],
    )


def studio_job(values: Mapping[str, Any]) -> RemoteJob:
    """A job of Aperture Data Studio."""
    records = ", ".join(f"{name}: {count}" for name, count in values.get("result", {}).items())
    return RemoteJob(
        values["jobId"], values["workflowName"], values["state"], records, values["request"]["workflowParameters"]
    )


def job_table(jobs: Sequence[RemoteJob]) -> Table:
    """The remote jobs of a run."""
    table = Table("Job", "Runs", "Status", "Records or error", "Given", title="Remote jobs", title_justify="left")
    for job in jobs:
        given = ", ".join(f"{name}={value}" for name, value in job.given.items() if name != "airflow_task")
        table.add_row(str(job.number), job.runs, job.status, job.records, demo_changes.text(given))
    return table


def errors(
    airflow: LocalAirflow, workflow: str, run_id: str, tasks: Mapping[str, Any], failed: frozenset[str]
) -> Iterator[str]:
    """What the logs of failed tasks say of the remote jobs."""
    for name in sorted(failed):
        log = airflow.task_log(workflow, run_id, name, tasks[name].try_number)
        said = [line for line in log.splitlines() if "RemoteJobError" in line]
        yield from (f"{name}: {line.rpartition('RemoteJobError: ')[2]}" for line in said[-1:])


def unexpected(
    scenario: Scenario,
    state: str,
    outcomes: Mapping[str, Outcome],
    jobs: Sequence[RemoteJob],
    changes: Sequence[demo_changes.TableChange],
) -> list[str]:
    """Every difference between what a scenario expects and what came of it."""
    failed = {name for name, outcome in outcomes.items() if outcome is Outcome.FAILURE}
    skipped = {name for name, outcome in outcomes.items() if outcome is Outcome.SKIPPED}
    pairs = (
        ("the run's state", state, scenario.state),
        ("tasks that failed", sorted(failed), sorted(scenario.failed)),
        ("tasks that were skipped", sorted(skipped), sorted(scenario.skipped)),
        ("remote jobs", len(jobs), scenario.jobs),
        ("rows changed", {change.table: change.rows for change in changes}, dict(scenario.changed)),
    )
    return [f"{what}: {seen}, expected {wanted}" for what, seen, wanted in pairs if seen != wanted]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
