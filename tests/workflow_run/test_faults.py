"""Servers lie and networks break: what has been started is found again, and nothing is started twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.workflow_run.conftest import Runner
from tests.workflow_run.fake_airflow import HTML, Dag, FakeAirflow
from tests.workflow_run.self_signed import self_signed

BAD_GATEWAY = (502, "text/html", "<html>bad gateway</html>")
BUSY = (503, "application/json", '{"detail": "busy"}')
JSON_OF_ANOTHER = (404, "application/json", '{"error": "no such route"}')
NOT_FOUND_BY_A_PROXY = (404, "text/plain", "default backend - 404")
TO_LOGIN = (302, "text/html", "")

START = "/dagRuns$"
STATE = "/dagRuns/[^/]+$"


def wait_until(seen: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def nth_post(fake: FakeAirflow, number: int, do: Callable[[], object]) -> None:
    """Do something when the nth POST for runs arrives; the first one of a workflow only asks for permission."""
    before, posts = fake.on_request, count(1)

    def on_request(method: str, path: str) -> None:
        before(method, path)
        if method == "POST" and path.endswith("/dagRuns") and next(posts) == number:
            do()

    fake.on_request = on_request


def read_until(program: subprocess.Popen[str], text: str) -> str:
    """What a program has printed when a line with the text comes; it ends by itself or by the test's timeout."""
    assert program.stdout is not None
    seen = ""
    while text not in seen:
        line = program.stdout.readline()
        assert line, seen
        seen += line
    return seen


@pytest.mark.parametrize("handled", [True, False], ids=["handled", "not handled"])
@pytest.mark.parametrize(
    "what",
    [
        {},
        {"answer": BAD_GATEWAY},
        {"answer": BUSY},
        {"answer": HTML},
        {"answer": TO_LOGIN, "headers": {"Location": "https://sso.example.com/login"}},
    ],
    ids=["reset", "502", "503", "html", "redirect"],
)
def test_a_start_whose_answer_is_lost_starts_one_run(
    fake: FakeAirflow, runner: Runner, what: dict[str, Any], handled: bool
) -> None:
    fake.dags = {"wf": Dag()}
    nth_post(fake, 2, lambda: fake.fault("POST", START, handle_first=handled, **what))

    done = runner.run("--phase", "wf")

    assert done.code == 0, done.text
    assert len(fake.runs) == 1
    assert "no contact" in done.out
    assert "contact again" in done.out


def test_a_run_has_the_logical_date_of_its_start(fake: FakeAirflow, runner: Runner) -> None:
    """Airflow finds the runs before another one, and their success, by it."""
    fake.dags = {"wf": Dag()}
    before = datetime.now(timezone.utc)

    done = runner.run("--phase", "wf")

    assert done.code == 0, done.text
    [started] = fake.runs.values()
    assert started.logical_date is not None
    assert before <= datetime.fromisoformat(started.logical_date) <= datetime.now(timezone.utc)


@pytest.mark.parametrize(("taken", "code"), [(4, 0), (5, 5)])
def test_a_logical_date_that_another_run_has_is_given_up_for_a_later_one(
    fake: FakeAirflow, runner: Runner, taken: int, code: int
) -> None:
    fake.dags = {"wf": Dag()}
    fake.taken_dates = taken

    done = runner.run("--phase", "wf")

    assert done.code == code, done.text
    assert len(fake.posts("wf")) == 5
    assert len(fake.runs) == (1 if code == 0 else 0)


def test_a_start_that_is_answered_too_late_starts_one_run(fake: FakeAirflow, runner: Runner) -> None:
    """The request is still in the server's hands while the runner looks for its run, does not find it and repeats."""
    fake.dags = {"wf": Dag()}

    def arrive() -> None:
        """The first request is handled now, just before the repeated one."""
        with fake.lock:
            run_id = next(p for m, p in fake.requests[::-1] if m == "GET" and "/dagRuns/" in p).split("/")[-1]
            body: dict[str, Any] = {"dag_run_id": run_id.replace("%3A", ":"), "logical_date": None, "conf": {}}
            fake._start("wf", fake.dags["wf"], body)

    nth_post(fake, 2, lambda: fake.fault("POST", START))
    nth_post(fake, 3, arrive)

    done = runner.run("--phase", "wf")

    assert done.code == 0, done.text
    assert len(fake.posts("wf")) == 2  # the second one was answered with 409
    assert len(fake.runs) == 1


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"answer": BAD_GATEWAY},
        {"answer": HTML},
        {"answer": BUSY},
        {"answer": NOT_FOUND_BY_A_PROXY},
        {"answer": JSON_OF_ANOTHER},
        {"answer": (200, "application/json", "[]")},
        {"answer": (200, "application/json", '{"state": 7}')},
        {"answer": (200, "application/json", '{"state": "runn')},
        {"answer": (500, "application/json", '{"detail": {"reason": "Database error", "message": "see logs"}}')},
        {"answer": TO_LOGIN, "headers": {"Location": "/auth/login"}},
    ],
    ids=["reset", "502", "html", "503", "404 text", "404 json", "list", "number", "cut", "500", "redirect"],
)
def test_the_wait_survives_what_is_no_answer(fake: FakeAirflow, runner: Runner, what: dict[str, Any]) -> None:
    fake.dags = {"wf": Dag()}
    fake.fault("GET", STATE, times=2, **what)

    done = runner.run("--phase", "wf")

    assert done.code == 0, done.text
    assert done.out.count("no contact: ") == 1
    assert len(fake.runs) == 1


def test_the_wait_survives_a_restart_of_the_server(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("running",))}
    with runner.start("--phase", "wf") as program:
        wait_until(lambda: fake.runs, "the run to be started")
        fake.stop()
        fake.tokens.clear()
        read_until(program, "no contact")
        fake.dags["wf"].states = ("success",)
        fake.start()
        out, err = program.communicate(timeout=60)

    assert program.returncode == 0, out + err
    assert "contact again" in out
    assert len(fake.runs) == 1


def test_lost_contact_ends_the_wait_and_says_where_to_look(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("running",)), "next": Dag()}
    with runner.start("--phase", "wf", "--phase", "next", "--lost-contact-after", "2s") as program:
        wait_until(lambda: fake.runs, "the run to be started")
        fake.stop()
        out, err = program.communicate(timeout=60)

    assert program.returncode == 8, out + err
    assert f"wf: look at {fake.url}/dags/wf/runs/" in err
    assert "lost contact: no contact for 2s" in err
    assert "going on for all that is known: wf" in err


def test_a_server_that_hangs_is_not_waited_for_beyond_the_timeout(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag()}
    fake.fault("GET", STATE, times=9, hang=True)

    done = runner.run("--phase", "wf", "--timeout", "3s")

    assert done.code == 7, done.text
    assert "the timeout of 3s has passed" in done.err


# Tokens


@pytest.mark.parametrize("uses", [1, 2, 3, 4, 5, 6])
def test_an_expired_token_is_renewed_wherever_it_expires(fake: FakeAirflow, runner: Runner, uses: int) -> None:
    fake.dags = {"wf": Dag()}
    fake.accepted_uses = uses

    done = runner.run("--phase", "wf")

    assert done.code == 0, done.text
    assert len(fake.runs) == 1
    assert [path for method, path in fake.requests if path == "/auth/token"] == ["/auth/token"] * 2


def test_a_token_of_a_server_with_another_secret_is_renewed(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag()}
    fake.fault("GET", STATE, answer=(403, "application/json", '{"detail": "Invalid JWT token"}'))

    assert runner.run("--phase", "wf").code == 0


def test_a_password_that_is_changed_during_the_wait_is_a_login_failure(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("running",))}
    fake.fault("GET", STATE, answer=(401, "application/json", '{"detail": "Token Expired"}'))
    refusal = (401, "application/json", '{"detail": "Invalid credentials"}')
    nth_post(fake, 2, lambda: fake.fault("POST", "/auth/token", answer=refusal))

    done = runner.run("--phase", "wf")

    assert done.code == 3
    assert "refuses the login of 'ops'" in done.err
    assert "going on for all that is known: wf" in done.err


def test_a_given_token_is_used_and_cannot_be_renewed(fake: FakeAirflow) -> None:
    fake.dags = {"wf": Dag()}
    fake.tokens = {"given-token"}
    runner = Runner(fake.url, {"TOKEN": "given-token\n"})
    login = ("--token-env", "TOKEN")

    assert runner.run("--phase", "wf", login=login).code == 0

    fake.accepted_uses = 5
    done = runner.run("--phase", "wf", login=login)
    assert done.code == 3
    assert "does not accept the token in TOKEN; it may have expired: Token Expired; not stopped" in done.err
    assert "given-token" not in done.text

    done = runner.run("--phase", "wf", login=login)
    assert done.code == 3
    assert "not stopped" not in done.err
    assert not [path for _, path in fake.requests if path == "/auth/token"]


# Logging in


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"answer": (401, "application/json", '{"detail": "Invalid credentials"}')}, "refuses the login of 'ops'"),
        ({"answer": (400, "application/json", '{"detail": "no such provider"}')}, "refuses the login of 'ops'"),
        ({"answer": HTML}, "answered 200 with text/html instead of JSON"),
        ({"answer": (404, "application/json", '{"detail": "Not Found"}')}, "has no /auth/token"),
        (
            {"answer": (405, "application/json", '{"detail": "Method Not Allowed"}')},
            "is this the address of an Airflow",
        ),
        ({"answer": (200, "application/json", "{}")}, "answered without a token"),
        ({"answer": (200, "application/json", '{"access_token": "a\\nb"}')}, "answered without a token"),
        (
            {"answer": (307, "text/plain", ""), "headers": {"Location": "https://host/auth/token"}},
            "was redirected to https://host/auth/token; give the address",
        ),
    ],
)
def test_a_login_that_fails(fake: FakeAirflow, runner: Runner, what: dict[str, Any], message: str) -> None:
    fake.dags = {"wf": Dag()}
    fake.fault("POST", "/auth/token", times=9, **what)

    done = runner.run("--phase", "wf")

    assert done.code == 3, done.text
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_login_waits_for_a_server_that_starts(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("success",))}
    fake.fault("POST", "/auth/token", times=2, answer=BUSY)

    assert runner.run("--phase", "wf").code == 0


def test_a_server_that_is_not_there_is_a_login_failure(fake: FakeAirflow, runner: Runner) -> None:
    fake.stop()

    done = runner.run("--phase", "wf", "--lost-contact-after", "1s")

    assert done.code == 3
    assert "cannot log in: no contact for 1s" in done.err


@pytest.mark.parametrize("target", [(), ("--target", "aperture")], ids=["airflow", "aperture"])
def test_a_certificate_that_is_not_trusted_is_told_at_once(tmp_path: Path, target: tuple[str, ...]) -> None:
    with self_signed(tmp_path) as server:
        done = Runner(server.url).run("--phase", "wf", *target)

    assert done.code == 3, done.text
    assert "self-signed certificate" in done.err
    assert target or "--ca-file names certificates to trust" in done.err
    assert len(done.err.splitlines()) == 1
    assert server.count == 1


@pytest.mark.parametrize("slash", ["", "/"])
def test_airflow_may_be_below_a_path(slash: str) -> None:
    with FakeAirflow(prefix="/tools/airflow") as fake:
        fake.dags = {"wf": Dag()}
        done = Runner(fake.url + slash).run("--phase", "wf")
        assert done.code == 0, done.text
        assert f"{fake.url}/dags/wf/runs/" in done.out


# Leaving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_and_leaves_the_runs(fake: FakeAirflow, runner: Runner, number: signal.Signals) -> None:
    fake.dags = {"wf": Dag(states=("running",)), "next": Dag()}
    with runner.start("--phase", "wf", "--phase", "next", "--json") as program:
        wait_until(lambda: any(run.looks for run in fake.runs.values()), "the wait")
        os.kill(program.pid, number)
        out, err = program.communicate(timeout=30)

    assert program.returncode == 130, out + err
    assert "Traceback" not in err
    assert "interrupted: interrupted; not stopped, and going on for all that is known: wf" in err
    assert json.loads(out)["result"] == "interrupted"
    assert [run.state for run in fake.runs.values()] == [None]


def test_an_interrupt_stops_the_runs_if_told_to(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"done": Dag(states=("success",)), "a": Dag(states=("running",)), "b": Dag(states=("queued",))}
    with runner.start("--phase", "done,a,b", "--cancel-on-interrupt") as program:
        wait_until(lambda: sum(run.looks > 1 for run in fake.runs.values()) > 1, "the wait")
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=30)

    assert program.returncode == 130, out + err
    assert {run.dag: run.state for run in fake.runs.values()} == {"done": None, "a": "failed", "b": "failed"}
    assert "interrupted; no run is left" in err


def test_a_run_that_comes_to_be_after_the_interrupt_is_stopped_too(fake: FakeAirflow, runner: Runner) -> None:
    """The request to start was sent, its answer not there yet; the server had it in its queue."""
    fake.dags = {"wf": Dag(states=("running",))}
    asked, late = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        late.wait(20)

    nth_post(fake, 2, hold)
    with runner.start("--phase", "wf", "--cancel-on-interrupt") as program:
        assert asked.wait(30)
        os.kill(program.pid, signal.SIGINT)
        wait_until(lambda: [m for m, p in fake.requests if m == "GET" and "/dagRuns/" in p], "the search for the run")
        late.set()
        out, err = program.communicate(timeout=30)

    assert program.returncode == 130, out + err
    assert [run.state for run in fake.runs.values()] == ["failed"]


def test_a_second_interrupt_ends_the_stopping(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("running",))}
    fake.fault("PATCH", "/dagRuns/workflow-run__", times=9, hang=True)
    with runner.start("--phase", "wf", "--cancel-on-interrupt") as program:
        wait_until(lambda: any(run.looks for run in fake.runs.values()), "the wait")
        os.kill(program.pid, signal.SIGINT)
        wait_until(lambda: [p for m, p in fake.requests if m == "PATCH" and "workflow-run__" in p], "the stopping")
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=20)

    assert program.returncode == 130, out + err
    assert "interrupted twice" in err


def test_nothing_outlives_a_program_that_is_killed(fake: FakeAirflow, runner: Runner) -> None:
    """It starts no process of its own."""
    fake.dags = {"wf": Dag(states=("running",))}
    with runner.start("--phase", "wf") as program:
        wait_until(lambda: any(run.looks for run in fake.runs.values()), "the wait")
        children = subprocess.run(["ps", "--ppid", str(program.pid), "-o", "pid="], capture_output=True, check=False)
        program.kill()
    assert not children.stdout.strip()
