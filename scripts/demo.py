"""Run the campaign workflow in a real local Airflow and show what happened (`make demo`, `make ui`).

Three runs of dags_example/campaign_launch.workflow.yaml on an embedded SQLite database: one with a campaign to
launch, one without, one in which a step fails. After each: what ran, what was skipped and why, the variables, the
rows it changed. Exit code 1 when anything is not as it should be.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.live import Live
from rich.table import Table

from airflow_workflow_provider import read_workflow
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.models import SqlTask
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.definitions.values import from_json
from airflow_workflow_provider.semantics import decide
from dags_example.marketing import data
from scripts.airflow_answers import TaskInstance, XCom
from scripts.airflow_api import LocalAirflowError
from scripts.demo_changes import TableChange, change_table, compare, snapshot, text
from scripts.demo_program import parse_options, play
from scripts.local_airflow import LocalAirflow

if TYPE_CHECKING:
    from rich.console import Console

ROOT: Final = Path(__file__).resolve().parent.parent
EXAMPLES: Final = ROOT / "dags_example"
WORKFLOW: Final = "campaign_launch"
RUN_DEADLINE: Final = 300.0
PARSE_SECONDS: Final = 10
OUTCOMES: Final = {
    "success": Outcome.SUCCESS,
    "failed": Outcome.FAILURE,
    "skipped": Outcome.SKIPPED,
    "upstream_failed": Outcome.SKIPPED,
    "removed": Outcome.SKIPPED,
}
STYLES: Final = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.SKIPPED: "dim"}
ENDED: Final = {Outcome.SUCCESS: "ran", Outcome.FAILURE: "failed", Outcome.SKIPPED: "skipped"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the demo and what must come of it; ``changed``: how many rows of each table differ after."""

    title: str
    conf: Mapping[str, Any]
    state: str
    ran: frozenset[str]
    failed: frozenset[str]
    changed: Mapping[str, int]


LAUNCHED: Final = (
    "find_campaign",
    "read_campaign",
    "bootstrap_tables",
    "update_banners",
    "update_services",
    "warm_cache",
    "send_notifications",
    "record_delivery",
    "mark_launched",
    "tell_team",
)
CLOSED: Final = ("find_expired", "aggregate_metrics", "close_campaign")
RECOVERED: Final = (
    "find_campaign",
    "read_campaign",
    "bootstrap_tables",
    "update_services",
    "mark_failed",
    "roll_back",
    "tell_team",
)
# The numbers of rows follow from the data, which is the same on every machine: see marketing/data.py.
SCENARIOS: Final = (
    Scenario(
        title="a campaign starts today (region EU)",
        conf={},
        state="success",
        ran=frozenset({*LAUNCHED, *CLOSED}),
        failed=frozenset(),
        changed={
            "campaigns": 2,
            "customers": 136,
            "banners": 1,
            "engagement": 136,
            "page_cache": 33,
            "notifications": 200,
            "campaign_metrics": 1,
            "campaign_events": 3,
        },
    ),
    Scenario(
        title="no campaign starts today (region APAC, given to the run)",
        conf={"region": "APAC"},
        state="success",
        ran=frozenset({"no_campaign", *CLOSED}),
        failed=frozenset(),
        changed={"campaigns": 1, "campaign_metrics": 1, "campaign_events": 1},
    ),
    Scenario(
        title="a step fails (region US, on a page that has no banner)",
        conf={"region": "US", "landing_page": "storefront"},
        state="failed",
        ran=frozenset(RECOVERED),
        failed=frozenset({"update_banners"}),
        changed={"campaigns": 1, "campaign_events": 2},
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Run the demo; 0 if everything came out as it should."""
    options = parse_options("demo", __doc__, "leave Airflow up afterwards, until Ctrl-C", arguments)
    return play(lambda console, home: Demo(console, home).run(stay=options.ui), keep=options.keep)


class Demo:
    """The demo's runs, one after the other, on one Airflow and one campaign database."""

    def __init__(self, console: Console, home: Path, definition: Definition | None = None) -> None:
        self.console = console
        self.home = home
        self.database = home / "campaigns.db"
        self.today = datetime.now(timezone.utc).date()
        self.definition = definition or read_definition(EXAMPLES / f"{WORKFLOW}.workflow.yaml")
        self.workflow = self.definition.workflow.workflow
        self.started = time.monotonic()

    def run(self, *, stay: bool) -> int:
        """All scenarios; then, with ``stay``, serve until interrupted."""
        with closing(sqlite3.connect(self.database)) as connection:
            data.install(connection, self.today)
        self.say(f"Campaign database filled: {self.database}")
        self.say("Starting Airflow: API server, scheduler, dag processor (half of the time goes into this)")
        with LocalAirflow(
            EXAMPLES,
            home=self.home / "airflow",
            env={
                "AIRFLOW_CONN_MARKETING_DB": connection_json(self.database),
                # Only the demo's own runs: the workflow's schedule would add one as soon as it is unpaused.
                "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
                "PYTHONPATH": python_path(),
            },
            parse_interval=PARSE_SECONDS,
            triggerer=stay,  # nothing in the example waits for a trigger
            progress=lambda component: self.say(f"  {component} is up"),
        ) as airflow:
            self.say(f"Airflow is at {airflow.url}")
            airflow.wait_for_dag(WORKFLOW)
            problems = [
                f"{scenario.title}: {problem}"
                for number, scenario in enumerate(SCENARIOS)
                for problem in self.play(airflow, scenario, number)
            ]
            self.summary(problems)
            if stay:
                self.console.print(f"\nAirflow stays up at [bold]{airflow.url}[/bold]; Ctrl-C here stops it.")
                airflow.wait()
        return 1 if problems else 0

    def play(self, airflow: LocalAirflow, scenario: Scenario, number: int) -> list[str]:
        """One run, shown; what was not as expected."""
        self.console.print()
        self.console.rule(f"[bold]{scenario.title}")
        before = snapshot(self.database)
        # A minute apart, on the day of the data even if midnight passes meanwhile.
        moment = datetime(self.today.year, self.today.month, self.today.day, tzinfo=timezone.utc)
        run_id = airflow.trigger(WORKFLOW, scenario.conf, logical_date=moment + timedelta(minutes=number))
        state = self.follow(airflow, run_id)
        tasks = {task.task_id: task for task in airflow.task_instances(WORKFLOW, run_id)}
        xcoms = airflow.xcoms(WORKFLOW, run_id)
        outcomes = {name: OUTCOMES.get(str(tasks[name].state), Outcome.SKIPPED) for name in self.definition.order}
        changes = compare(before, snapshot(self.database))
        self.console.print(self.task_table(tasks, outcomes))
        self.console.print(self.variable_table(scenario.conf, xcoms))
        self.console.print(change_table(changes))
        reason = next((str(x.value) for x in xcoms if x.task_id == "workflow.outcome" and x.key == "reason"), "")
        self.console.print(f"The run's state is [bold]{state}[/bold]{': ' + reason if reason else ''}")
        return unexpected(scenario, state, outcomes, changes)

    def follow(self, airflow: LocalAirflow, run_id: str) -> str:
        """Show the tasks while the run goes on; its state at the end."""
        if not self.console.is_terminal:
            return airflow.wait_for_run(self.workflow, run_id, RUN_DEADLINE, ChangeLines(self.definition, self.say))
        with Live(console=self.console, transient=True, refresh_per_second=8) as live:
            return airflow.wait_for_run(
                self.workflow,
                run_id,
                RUN_DEADLINE,
                lambda tasks: live.update(progress_table(self.definition, tasks)),
            )

    def task_table(self, tasks: Mapping[str, TaskInstance], outcomes: Mapping[str, Outcome]) -> Table:
        """What ran, what did not, and why."""
        table = Table("Task", "Outcome", "Seconds", "Why", title="Tasks", title_justify="left")
        for name in self.definition.order:
            outcome, seconds = outcomes[name], tasks[name].seconds
            shown = f"{seconds:.1f}" if seconds and outcome is not Outcome.SKIPPED else ""
            table.add_row(name, ENDED[outcome], shown, why(self.definition, name, outcomes), style=STYLES[outcome])
        return table

    def variable_table(self, conf: Mapping[str, Any], xcoms: Sequence[XCom]) -> Table:
        """The workflow's variables at the end of the run."""
        table = Table("Variable", "Value", "From", title="Variables", title_justify="left")
        for name, variable in self.definition.workflow.variables.items():
            setter = next(
                (x for x in xcoms if x.key == name and x.task_id in self.definition.setters.get(name, ())),
                None,
            )
            if setter is not None:
                table.add_row(name, text(from_json(setter.value)), f"set by {setter.task_id}", style="green")
            elif name in conf:
                table.add_row(name, text(conf[name]), "given to the run", style="cyan")
            elif variable.default is not None:
                table.add_row(name, text(variable.default), "default")
            else:
                table.add_row(name, "null", "no value in this run", style="dim")
        return table

    def summary(self, problems: Sequence[str]) -> None:
        """The last lines."""
        self.console.print()
        if problems:
            self.console.print("Not as expected:", style="bold red")
            for problem in problems:
                self.console.print(f"  {problem}", style="red", markup=False)
            return
        self.say(f"All {len(SCENARIOS)} runs came out as expected")

    def say(self, message: str) -> None:
        """A line with the time since the start."""
        self.console.print(f"{time.monotonic() - self.started:6.1f} s  {message}", markup=False)


@dataclass(slots=True)
class ChangeLines:
    """Progress without a terminal: one line for each change of a task's state."""

    definition: Definition
    say: Callable[[str], None]
    seen: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, tasks: Sequence[TaskInstance]) -> None:
        """Tell what has changed since the last call."""
        for task in tasks:
            if task.task_id in self.definition.tasks and task.state in (*OUTCOMES, "running", "up_for_retry"):
                if self.seen.get(task.task_id) != task.state:
                    self.say(f"{task.task_id}: {task.state}")
                self.seen[task.task_id] = task.state


def progress_table(definition: Definition, tasks: Sequence[TaskInstance]) -> Table:
    """The states of the tasks as they now are."""
    states = {task.task_id: task.state for task in tasks}
    table = Table("Task", "State")
    for name in definition.order:
        state = states.get(name)
        outcome = OUTCOMES.get(state or "")
        table.add_row(name, state or "waiting", style=STYLES[outcome] if outcome else "yellow" if state else "dim")
    return table


def read_definition(path: Path) -> Definition:
    """The example's definition."""
    reading = read_workflow(str(path))
    if reading.definition is None or reading.errors:
        raise LocalAirflowError("\n".join(map(str, reading.diagnostics)))
    return reading.definition


def why(definition: Definition, name: str, outcomes: Mapping[str, Outcome]) -> str:
    """What decided whether a task ran."""
    task = definition.tasks[name]
    edges = {source: tuple(words) for source, words in task.depends_on.items()}
    holds, reason = decide(task.constraint, edges, outcomes)
    if not holds or outcomes[name] is not Outcome.SKIPPED:
        return reason
    if isinstance(task, SqlTask) and task.on_empty == "skip":
        return "its query returned no row (on_empty: skip)"
    return f"if: {task.if_}" if task.if_ else "it skipped itself"


def unexpected(
    scenario: Scenario, state: str, outcomes: Mapping[str, Outcome], changes: Sequence[TableChange]
) -> list[str]:
    """Every difference between what a scenario expects and what came of it."""
    ran = {name for name, outcome in outcomes.items() if outcome is Outcome.SUCCESS}
    failed = {name for name, outcome in outcomes.items() if outcome is Outcome.FAILURE}
    changed = {change.table: change.rows for change in changes}
    pairs = (
        ("the run's state", state, scenario.state),
        ("tasks that succeeded", sorted(ran), sorted(scenario.ran)),
        ("tasks that failed", sorted(failed), sorted(scenario.failed)),
        ("rows changed", changed, dict(scenario.changed)),
    )
    return [f"{what}: {seen}, expected {wanted}" for what, seen, wanted in pairs if seen != wanted]


def connection_json(database: Path) -> str:
    """Airflow's connection to an SQLite file."""
    return json.dumps({"conn_type": "sqlite", "host": str(database)})


def python_path() -> str:
    """The package as this process has it, also where it is not installed."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
