"""Aperture and Integrate.io as targets: the same flow, phases and exit codes as for Airflow."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.faults import html
from scripts.test_servers.integrate_io import IntegrateIo
from tests.remote_systems import account, studio
from tests.workflow_run.conftest import ROOT, Done, Runner
from tests.workflow_run.remote_systems import KINDS, System, looks

__all__ = ["account", "studio"]

SEED = ("--phase", "wf1", "--phase", "wf2,wf3,wf4", "--phase", "wf5,wf6", "--phase", "wf7")


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest, studio: Aperture, account: IntegrateIo) -> System:
    made = System(request.param, studio, account)
    made.add(*(f"wf{number}" for number in range(1, 8)))
    return made


def run(system: System, *arguments: str, env: dict[str, str] | None = None) -> Done:
    done = Runner(system.url, {"KEY": system.key, **(env or {})}).run(*arguments, login=system.login)
    assert system.key not in done.text
    return done


def test_the_phases_of_the_seed(system: System) -> None:
    done = run(system, *SEED, "--json")

    assert done.code == 0, done.text
    told = json.loads(done.out)["workflows"]
    assert [(each["phase"], each["workflow"], each["state"], each["result"]) for each in told] == [
        (phase, f"wf{number}", "completed", "ok")
        for phase, numbers in enumerate([(1,), (2, 3, 4), (5, 6), (7,)], 1)
        for number in numbers
    ]
    assert system.jobs == [f"wf{number}" for number in range(1, 8)]
    first = 9000 if system.is_aperture else 1000
    assert [each["run_id"] for each in told] == [str(first + number) for number in range(7)]
    # All of a phase are started before one of them is looked at, and have ended before the next phase starts.
    events = "".join(event[0] for event in looks(system, ("start", "look")))
    assert [len(part) for part in events.split("l") if part] == [1, 3, 2, 1]
    assert set(system.states) == {"completed"}


def test_a_refused_key_or_password_is_a_login_failure(system: System) -> None:
    done = run(system, "--phase", "wf1", env={"KEY": "guessed"})

    assert done.code == 3
    assert done.err.startswith("workflow-run: login: ")
    assert "refused: 401" in done.err
    assert "guessed" not in done.text
    assert system.jobs == []


def test_another_server_is_a_login_failure(system: System) -> None:
    system.served.order(html("GET", "", times=None), html("POST", "", times=None))

    done = run(system, "--phase", "wf1")

    assert done.code == 3
    assert "text/html instead of JSON" in done.err


def test_what_does_not_exist_is_told_before_anything_starts(system: System) -> None:
    done = run(system, "--phase", "wf1", "--phase", "wf_2,wf3,WF4")

    assert done.code == 4
    assert done.err.splitlines()[0].startswith("workflow-run: wf_2: ")
    assert "did you mean 'wf2'?" in done.err
    assert "readiness: 2 of the workflows cannot be executed" in done.err
    assert system.jobs == []


@pytest.mark.parametrize("word", ["failed", "stopped"])
def test_a_job_that_failed_or_was_stopped_is_an_execution_failure(system: System, word: str) -> None:
    system.script("running", word if word == "failed" or not system.is_aperture else "cancelled")

    done = run(system, "--phase", "wf1,wf2", "--phase", "wf3")

    assert done.code == 5
    reasons = {"stopped": "it was stopped", "failed": "step Validate" if system.is_aperture else "no such column"}
    assert reasons[word] in done.out
    assert "execution: wf1, wf2: execution failed" in done.err
    assert system.jobs == ["wf1", "wf2"]


def test_later_phases_run_after_a_failure_if_told_to(system: System) -> None:
    system.script("failed")

    assert run(system, "--phase", "wf1", "--phase", "wf2", "--on-failure", "continue").code == 5
    assert system.jobs == ["wf1", "wf2"]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (("--expect", "duration > 60"), "does not hold: duration > 60"),
        (("--min-duration", "1h"), "less than --min-duration 1h"),
        (("--max-duration", "1s"), "more than --max-duration 1s"),
        (("--expect", "duration > 1 and duration < 60"), None),
        (("--min-duration", "1s", "--max-duration", "1h"), None),
    ],
)
def test_conditions_hold_or_not(system: System, condition: tuple[str, ...], problem: str | None) -> None:
    system.studio.times = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:07Z")
    system.script("completed")

    done = run(system, "--phase", "wf1", *condition)

    assert done.code == (6 if problem else 0), done.text
    assert problem is None or problem in done.out


def test_a_job_that_ended_before_it_began_meets_no_duration(studio: Aperture, account: IntegrateIo) -> None:
    system = System("v2", studio, account)
    system.add("wf1")
    studio.times = ("2026-01-01T00:00:07Z", "2026-01-01T00:00:00Z")
    system.script("completed")

    done = run(system, "--phase", "wf1", "--max-duration", "1h")

    assert done.code == 6, done.text
    assert "the server does not tell how long it took" in done.out


def test_a_value_for_a_workflow_whose_name_holds_a_colon(studio: Aperture, account: IntegrateIo) -> None:
    system = System("v2", studio, account)
    system.add("in", "in: daily")

    assert run(system, "--phase", "in,in: daily", "--variable", "in: daily:x= a b ", "--variable", "in:x=c").code == 0
    given = {str(job.values["workflowName"]): job.values["request"]["workflowParameters"] for job in studio.jobs}
    assert given == {"in": {"x": "c"}, "in: daily": {"x": " a b "}}


@pytest.mark.parametrize(
    ("kind", "expression", "code"),
    [
        ("v1", "result.rowsProcessed == 42 and result.rowsFailed == 0", 0),
        ("v2", "result.rowsFailed > 0", 6),
        ("v2", "result.rowsFaild == 0", 6),
        ("integrate-io", "outputs.rows.records_count == 42", 0),
        ("integrate-io", "outputs['rows'].records_count > 42", 6),
        ("integrate-io", "outputs.others.records_count > 42", 6),
    ],
)
def test_what_a_job_left_can_be_expected(
    studio: Aperture, account: IntegrateIo, kind: str, expression: str, code: int
) -> None:
    system = System(kind, studio, account)
    system.add("wf")
    system.script("completed")

    assert run(system, "--phase", "wf", "--expect", expression).code == code


def test_variables_are_the_parameters_of_the_job(system: System) -> None:
    done = run(system, "--phase", "wf1,wf2", "--variable", "region=EU", "--variable", "wf2:day=2026-01-31")

    assert done.code == 0, done.text
    if system.is_aperture:
        given = [job.values["request"]["workflowParameters"] for job in system.studio.jobs]
    else:
        given = [
            {k: v for k, v in job.values["variables"].items() if k != "workflow_run"} for job in system.account.jobs
        ]
    assert given == [{"region": "EU"}, {"region": "EU", "day": "2026-01-31"}]


def test_a_timeout_leaves_the_jobs_and_says_where_they_are(system: System) -> None:
    system.script("running")

    done = run(system, "--phase", "wf1", "--phase", "wf2", "--timeout", "2s")

    assert done.code == 7
    assert "timeout: the timeout of 2s has passed; not stopped, and going on for all that is known: wf1" in done.err
    assert "9000" in done.err if system.is_aperture else "/jobs/1000" in done.err
    assert system.states == ["running"]


@pytest.mark.parametrize("cancels", [False, True])
def test_an_interrupt_stops_the_jobs_if_told_to(system: System, cancels: bool) -> None:
    system.script("running")
    more = ["--cancel-on-interrupt"] if cancels else []
    with system.runner.start("--phase", "wf1,wf2", *more, login=system.login) as program:
        deadline = time.monotonic() + 30
        while system.states != ["running", "running"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
        shown = "".join(program.communicate(timeout=40))

    assert program.returncode == 130, shown
    if cancels:
        assert "interrupted; no run is left" in shown
        assert set(system.states) <= {"cancelling", "pending_stoppage"}
    else:
        assert set(system.states) == {"running"}


def test_a_job_that_cannot_be_stopped_is_told(studio: Aperture, account: IntegrateIo) -> None:
    from scripts.test_servers.faults import refused

    system = System("v2", studio, account)
    system.add("wf")
    system.script("running")
    studio.served.order(refused("POST", "/cancel$", 403, "not yours", times=None))
    with system.runner.start("--phase", "wf", "--cancel-on-interrupt", login=system.login) as program:
        assert program.stdout is not None
        line = ""
        while "running" not in line:
            line = program.stdout.readline()
            assert line
        program.send_signal(signal.SIGINT)
        shown = "".join(program.communicate(timeout=40))

    assert program.returncode == 130
    assert "could not be stopped: wf (Aperture: POST jobs/9000/cancel was refused: 403 not yours)" in shown


# What only one of them has


def test_a_workflow_that_cannot_be_executed_is_not_ready(studio: Aperture, account: IntegrateIo) -> None:
    studio.add_workflow("wf", executable=False)

    for kind in ("v1", "v2"):
        done = run(System(kind, studio, account), "--phase", "wf")
        assert done.code == 4
        assert "workflow-run: wf: it exists but cannot be executed as it is" in done.err


def test_a_closed_space_is_not_ready(studio: Aperture, account: IntegrateIo) -> None:
    studio.add_workflow("wf", "sales")
    studio.closed_spaces = ("sales", "marketing")

    done = run(System("v2", studio, account), "--phase", "wf")

    assert done.code == 4
    assert "403 Access denied to Space marketing" in done.err


def test_names_of_the_api_can_be_replaced(studio: Aperture, account: IntegrateIo, tmp_path: Path) -> None:
    system = System("v2", studio, account)
    system.add("wf")
    system.script("RUNNING", "DONE_WITH_WARNINGS")
    names = tmp_path / "names.json"
    names.write_text('{"succeeded": ["COMPLETED", "Done_With_Warnings"]}')

    assert run(system, "--phase", "wf", "--names", str(names)).code == 0

    for text, message in (
        ('{"suceeded": "x"}', "did you mean 'succeeded'?"),
        ("[]", "no JSON object"),
        ("{", "--names"),
    ):
        names.write_text(text)
        done = run(system, "--phase", "wf", "--names", str(names))
        assert done.code == 2
        assert message in done.err


def test_a_package_can_be_named_by_its_id(studio: Aperture, account: IntegrateIo) -> None:
    system = System("integrate-io", studio, account)
    system.add("wf")

    assert run(system, "--phase", "100").code == 0
    done = run(system, "--phase", "100,7")
    assert done.code == 4
    assert "workflow-run: 7: Integrate.io: GET packages/7 was refused: 404 Package 7 not found" in done.err
    assert system.jobs == ["wf"]


def test_a_name_that_two_packages_bear_is_not_ready(studio: Aperture, account: IntegrateIo) -> None:
    system = System("integrate-io", studio, account)
    system.add("wf", "wf")

    done = run(system, "--phase", "wf")
    assert done.code == 4
    assert "2 packages named 'wf' (100, 101); give the id" in done.err


def test_a_cluster_is_found_before_one_is_started(studio: Aperture, account: IntegrateIo) -> None:
    system = System("integrate-io", studio, account)
    system.add("one", "two")

    assert run(system, "--phase", "one,two").code == 0
    assert [(job.values["cluster_id"]) for job in account.jobs] == [500, 500]
    assert len(account.clusters) == 1
    assert account.clusters[0].values["nodes"] == 2


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("available", 0, "ok"),
        ("terminated", 4, "cluster 500 is terminated and takes no jobs"),
        (None, 4, "404 Cluster 500 not found"),
    ],
)
def test_a_given_cluster_must_take_jobs(
    studio: Aperture, account: IntegrateIo, status: str | None, code: int, message: str
) -> None:
    system = System("integrate-io", studio, account)
    system.add("wf")
    if status is not None:
        account.add_cluster(status)
    login = (*system.login[:-1], "500")

    done = system.runner.run("--phase", "wf", login=login)

    assert done.code == code
    assert message in done.text
    assert len(account.jobs) == (1 if code == 0 else 0)


AIRFLOW = ("--username", "ops", "--password-env", "KEY")
V1 = ("--target", "aperture", "--username", "ops", "--password-env", "KEY")
V2 = ("--target", "aperture", "--token-env", "KEY")
PLACE = ("--environment", "live", "--space", "s")
IO = ("--target", "integrate-io", "--token-env", "KEY")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*AIRFLOW, "--space", "s"), "--space is only for --target aperture"),
        ((*AIRFLOW, "--cluster", "5"), "--cluster is only for --target integrate-io"),
        ((*V2, *PLACE, "--cluster", "5"), "--cluster is only for --target integrate-io"),
        ((*IO, "--cluster", "5", "--names", "f"), "--names is only for --target aperture"),
        ((*V2, "--space", "s"), "needs --environment"),
        ((*V2, "--environment", "live"), "needs --space"),
        ((*V2, "--environment", "Prüfung", "--space", "s"), "--environment: only ASCII characters can be sent"),
        ((*IO, "--cluster", ""), "--cluster: write a cluster's id"),
        ((*V1, "--space", "s"), "--space goes with --token-env (API v2); --username means API v1"),
        ((*V1, "--expect", "rows > 0"), "'rows' is not known of a job of --target aperture; there are 'result'"),
        ((*V1, "--expect", "tasks.a == 'success'"), "--target aperture tells nothing of tasks"),
        ((*IO, "--cluster", "5", "--expect", "result.x > 0"), "there are 'outputs' and 'duration'"),
        (IO, "--target integrate-io needs --cluster"),
        ((*IO, "--cluster", "nodes=0"), "not 'nodes=0'"),
        ((*IO, "--cluster", "size=2"), "not 'size=2'"),
        ((*IO, "--cluster", "nodes=2,type=test"), "not 'type=test'"),
        ((*IO, "--cluster", "time_to_idle=soon"), "--cluster: 'soon' is not a duration"),
        (("--target", "integrate-io", *AIRFLOW, "--cluster", "5"), "--target integrate-io needs --token-env"),
        ((*IO, "--cluster", "5", "--url", "http://127.0.0.1:9"), "it ends with the account"),
        (("--target", "cron", *AIRFLOW), "invalid choice: 'cron'"),
    ],
)
def test_options_that_do_not_fit_are_told(arguments: tuple[str, ...], message: str) -> None:
    done = Runner("http://127.0.0.1:9/acme", {"KEY": "k"}).run("--phase", "a", login=arguments)

    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_neither_airflow_nor_anything_heavy_is_loaded(system: System) -> None:
    probe = (
        "import sys\n"
        "from airflow_workflow_provider.workflow_run.main import main\n"
        "code = main()\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names & {'airflow', 'jinja2', 'jsonschema', 'pydantic', 'yaml'}))\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", probe, *system.runner.command("--phase", "wf1", login=system.login)[3:]]
    done = subprocess.run(
        command, env=system.runner.env, capture_output=True, text=True, check=False, cwd=Path(ROOT).parent
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_on_airflow_loads_nothing_of_the_others() -> None:
    probe = (
        "import sys\n"
        "from airflow_workflow_provider.workflow_run.main import main\n"
        "main()\n"
        "print([name for name in sys.modules if 'provider.remote' in name or name.endswith('.reach')])\n"
    )
    runner = Runner("http://127.0.0.1:9")
    command = [sys.executable, "-c", probe, *runner.command("--phase", "wf", "--lost-contact-after", "0.3s")[3:]]
    done = subprocess.run(command, env=runner.env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


@pytest.mark.parametrize("login", [(*V2, *PLACE), (*IO, "--cluster", "5")], ids=["aperture", "integrate-io"])
@pytest.mark.parametrize("host", ["a b", "a..b", "a" * 300, "\u2603", "-"])
def test_a_strange_address_gives_no_traceback(host: str, login: tuple[str, ...]) -> None:
    runner = Runner(f"http://{host}/acme", {"KEY": "k"})

    assert runner.run("--phase", "wf", "--lost-contact-after", "0.3s", login=login).code in (2, 3)
