"""Expectations and notifications on the real scheduler, dag processor, triggerer and workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from sqlalchemy import create_engine, text

from scripts.airflow_api import run_path, wait_for
from scripts.local_airflow import LocalAirflow, free_ports
from tests.system.doors import Door, door

__all__ = ["door"]

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
NOTIFIERS = "tests.notifications.notifiers"
OUTCOME = "workflow.outcome"


class Letters:
    """What a notifier has written for a run, once it is there."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def notifier(self, kind: str = "FileNotifier") -> str:
        return f"{{notifier: {NOTIFIERS}.{kind}, arguments: {{file: {self._file}}}}}"

    def of(self, run_id: str) -> list[dict[str, Any]]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [letter for letter in map(json.loads, lines) if letter["run_id"] == run_id]

    def wait_for(self, run_id: str, events: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The letters of these events; there must be no others, and one of each."""

        def arrived() -> list[dict[str, Any]] | None:
            found = self.of(run_id)
            return found if len(found) >= len(events) else None

        found = wait_for(arrived, f"{events} about {run_id}")
        assert sorted(letter["event"] for letter in found) == sorted(events)
        return {letter["event"]: letter for letter in found}


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path / "letters.jsonl")


def bash(command: str, **more: object) -> str:
    """A task, as flow-style YAML."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{operator: {BASH}, arguments: {{bash_command: '{command}'}}{rest}}}"


def reason(airflow: LocalAirflow, dag: str, run: str) -> str:
    found = [x.value for x in airflow.xcoms(dag, run) if (x.task_id, x.key) == (OUTCOME, "reason")]
    return str(found[0])


def deadlines(airflow: LocalAirflow, dag: str, run: str) -> list[dict[str, Any]]:
    """What Airflow's own UI shows of a run's deadlines."""
    path = run_path(dag, run).replace("/api/v2", "/ui")
    found: list[dict[str, Any]] = airflow._call("GET", f"{path}/deadlines")["deadlines"]
    return found


def callbacks(airflow: LocalAirflow, dag: str) -> list[tuple[str, str | None]]:
    """State and result of what Airflow called for missed deadlines of a DAG."""
    with create_engine(airflow.metadata).connect() as connection:
        rows = list(connection.execute(text("SELECT state, output, data FROM callback")))
    return [(str(state), output) for state, output, data in rows if as_json(data)["__var"].get("dag_id") == dag]


def as_json(value: Any) -> Any:
    """A column of JSON, which SQLite tells as text."""
    return json.loads(value) if isinstance(value, str) else value


def test_a_broken_expectation_fails_the_run_and_its_reason_is_in_the_ui(airflow: LocalAirflow, define: Define) -> None:
    dag = define(
        "too_short",
        f"""
expect: {{duration: {{min: 1h}}, checks: ['tasks.b == "success"']}}
tasks:
  a: {bash("true")}
  b: {bash("true", depends_on="{a: failure}")}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    states = airflow.task_states(dag, run)
    assert (states["a"], states["b"], states[OUTCOME]) == ("success", "skipped", "failed")
    said = reason(airflow, dag, run)
    assert said.startswith("broken expectations: the run took ")
    assert said.endswith(', less than the expected 1h; tasks.b == "success" does not hold: tasks.b = skipped')
    assert f"The run failed (strict). {said}" in airflow.task_log(dag, run, OUTCOME)


ENDS = """
outcome: handled
variables: {{end: ok}}
expect:
  checks: [end != "unexpected", '"a" not in failed_tasks or tasks.h == "success"']
  on_violation: {violation}
notify:
  on_success: [{failing}, {letter}]
  on_failure: [{failing}, {letter}]
  on_broken_expectation: [{failing}, {letter}]
tasks:
  a: {{operator: {bash}, arguments: {{bash_command: '[ "$END" != fails ]', env: {{END: "{{{{ vars.end }}}}"}}}}}}
  "b-1": {{operator: {bash}, arguments: {{bash_command: 'true'}}}}
  h: {{operator: {bash}, arguments: {{bash_command: 'true'}}, depends_on: {{a: failure}}, if: vars.end != "fails"}}
"""


def ends(letters: Letters, violation: str) -> str:
    failing = f"{{notifier: {NOTIFIERS}.FailingNotifier}}"
    return ENDS.format(bash=BASH, violation=violation, failing=failing, letter=letters.notifier())


def test_notifiers_are_told_reason_failed_tasks_and_links_whatever_another_notifier_does(
    airflow: LocalAirflow, define: Define, letters: Letters
) -> None:
    dag = define("ends", ends(letters, "fail"))
    good, failed, broken = (airflow.trigger(dag, {"end": end}) for end in ("ok", "fails", "unexpected"))

    assert airflow.wait_for_run(dag, good) == "success"
    letter = letters.wait_for(good, ["on_success"])["on_success"]
    assert (letter["state"], letter["failed_tasks"]) == ("success", [])
    assert letter["reason"] == reason(airflow, dag, good) == "no task failed; every expectation was met"

    assert airflow.wait_for_run(dag, failed) == "failed"
    letter = letters.wait_for(failed, ["on_failure"])["on_failure"]
    assert (letter["workflow"], letter["state"], letter["failed_tasks"]) == (dag, "failed", ["a"])
    assert letter["reason"] == "failed: 'a'"
    assert letter["text"] == (f"{dag}: failed\nfailed: 'a'\nFailed: a {letter['task_urls']['a']}\n{letter['run_url']}")
    assert set(letter["task_urls"]) == {"a", "b-1", "h"}
    for url in (letter["run_url"], *letter["task_urls"].values()):
        assert url.startswith(airflow.url)
        assert airflow._client.get(url).status_code == 200

    assert airflow.wait_for_run(dag, broken) == "failed"
    both = letters.wait_for(broken, ["on_broken_expectation", "on_failure"])
    sentence = 'end != "unexpected" does not hold: end = "unexpected"'
    for letter in both.values():
        assert letter["broken_expectations"] == [sentence]
        assert letter["reason"] == f"broken expectation: {sentence}"
        assert letter["failed_tasks"] == []


def test_a_warning_is_told_though_the_run_succeeds(airflow: LocalAirflow, define: Define, letters: Letters) -> None:
    dag = define("warns", ends(letters, "warn"))
    run = airflow.trigger(dag, {"end": "unexpected"})
    assert airflow.wait_for_run(dag, run) == "success"
    both = letters.wait_for(run, ["on_broken_expectation", "on_success"])
    assert both["on_success"]["state"] == "success"
    assert both["on_broken_expectation"]["broken_expectations"] == [
        'end != "unexpected" does not hold: end = "unexpected"'
    ]
    assert "WARN" in airflow.task_log(dag, run, OUTCOME) or "Broken expectation" in airflow.task_log(dag, run, OUTCOME)


LATE = """
max_active_runs: {active}
expect: {{duration: {{max: {most}}}}}
notify: {{on_late: [{{notifier: tests.notifications.notifiers.FailingNotifier}}, {letter}, {asynchronous}]}}
tasks: {{a: {wait}}}
"""


def late(letters: Letters, wait: str, most: str = "4s", active: int = 3) -> str:
    return LATE.format(
        active=active,
        most=most,
        letter=letters.notifier(),
        asynchronous=letters.notifier("AsyncFileNotifier"),
        wait=bash(wait),
    )


def test_a_late_run_is_told_while_it_is_still_going_and_once(
    airflow: LocalAirflow, define: Define, letters: Letters, door: Door
) -> None:
    dag = define("late", late(letters, door.wait))
    run = airflow.trigger(dag)
    told = wait_for(lambda: found if len(found := letters.of(run)) == 2 else None, "two notifiers to be told")
    assert airflow.run(dag, run).state == "running"
    assert [letter.get("async", False) for letter in told] == [False, True]
    for letter in told:
        assert (letter["event"], letter["state"], letter["failed_tasks"]) == ("on_late", "running", [])
        assert letter["reason"] == "the run is still going after the expected 4s"
        assert letter["text"] == f"late: late\n{letter['reason']}\n{letter['run_url']}"
        assert airflow._client.get(letter["run_url"]).status_code == 200
    assert [deadline["missed"] for deadline in deadlines(airflow, dag, run)] == [True]

    door.open()
    assert airflow.wait_for_run(dag, run) == "failed"
    assert reason(airflow, dag, run).endswith(", more than the expected 4s")
    wait_for(lambda: callbacks(airflow, dag) == [("success", "told 2 of 3 notifiers")] or None, "the callback")
    assert len(letters.of(run)) == 2


def test_nobody_is_told_of_runs_that_ended_in_time_or_waited_in_the_queue(
    airflow: LocalAirflow, define: Define, letters: Letters, door: Door
) -> None:
    # Longer than a run takes on a busy machine.
    dag = define("in_time", late(letters, door.wait, most="20s", active=1))
    door.open()
    quick = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, quick) == "success"
    assert deadlines(airflow, dag, quick) == []
    door.shut()
    slow, queued = airflow.trigger(dag), airflow.trigger(dag)
    wait_for(lambda: len(letters.of(slow)) == 2 or None, "the slow run to be late")
    wait_for(lambda: deadlines(airflow, dag, queued)[0]["missed"] or None, "the deadline of the queued run")
    assert airflow.run(dag, queued).state == "queued"
    door.open()
    assert airflow.wait_for_run(dag, queued) == "success"
    wait_for(
        lambda: (
            sorted(str(result) for _, result in callbacks(airflow, dag) if result)
            == ["the run has ended", "told 2 of 3 notifiers"]
            or None
        ),
        "the callbacks of the two missed deadlines",
    )
    assert (letters.of(quick), letters.of(queued)) == ([], [])


def test_a_run_is_late_by_what_is_usual(airflow: LocalAirflow, define: Define, letters: Letters, door: Door) -> None:
    dag = define(
        "usual",
        f"""
expect: {{duration: {{max: 1h, of_usual: 2.5}}, on_violation: warn}}
notify: {{on_late: [{letters.notifier()}]}}
tasks: {{a: {bash(door.wait)}}}
""",
    )
    door.open()
    first = datetime.now(timezone.utc) - timedelta(days=5)
    for day in range(3):
        run = airflow.trigger(dag, logical_date=first + timedelta(days=day))
        assert airflow.wait_for_run(dag, run) == "success"
    door.shut()
    run = airflow.trigger(dag, logical_date=first + timedelta(days=4))
    letter = letters.wait_for(run, ["on_late"])["on_late"]
    assert airflow.run(dag, run).state == "running"
    assert ", 2.5 times the usual " in letter["reason"]
    door.open()
    assert airflow.wait_for_run(dag, run) == "success"
    assert ", more than 2.5 times the usual " in reason(airflow, dag, run)


def test_a_run_with_a_deadline_ahead_can_be_cleared_and_its_dag_keeps_its_version(
    airflow: LocalAirflow, define: Define, door: Door
) -> None:
    dag = define(
        "cleared_early",
        f"""
expect: {{duration: {{min: 0.1s, max: 1h}}}}
tasks:
  a: {bash("true")}
  b: {bash(door.opened, depends_on="a")}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    assert deadlines(airflow, dag, run) == []  # it failed in time, and has missed nothing
    door.open()
    airflow.clear(dag, run, ["b"])
    assert airflow.wait_for_run(dag, run) == "success"
    airflow.wait_for_change(dag)  # parsed a few times more
    assert airflow._call("GET", f"/api/v2/dags/{dag}/dagVersions")["total_entries"] == 1


class Mailbox(Message):
    """Keeps the messages that a real SMTP server on loopback received."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.messages.append(message)


@pytest.fixture
def mailbox(airflow: LocalAirflow) -> Iterator[Mailbox]:
    """Behind the connection ``mail``."""
    kept = Mailbox()
    controller = Controller(kept, hostname="127.0.0.1", port=free_ports(1)[0])
    controller.start()
    try:
        connection = {
            "connection_id": "mail",
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": controller.port,
            "extra": json.dumps({"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}),
        }
        airflow._call("POST", "/api/v2/connections", json=connection)
        yield kept
    finally:
        controller.stop()


def test_airflows_own_mail_notifier_writes_what_happened_without_being_given_a_text(
    airflow: LocalAirflow, define: Define, mailbox: Mailbox
) -> None:
    smtp = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    dag = define(
        "mails",
        f"""
notify: {{on_failure: [{{notifier: {smtp}, arguments: {{to: ops@example.com, smtp_conn_id: mail}}}}]}}
tasks: {{a: {bash("exit 1")}}}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    message = wait_for(lambda: mailbox.messages, "the mail")[0]
    assert (message["to"], message["subject"]) == ("ops@example.com", "mails: failed")
    html = "".join(part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart())
    assert "mails: failed: &#39;a&#39;" in html
    assert f'<a href="{airflow.url}/dags/mails/runs/' in html
    assert "/tasks/a" in html
