"""``workflow-run`` against a real Airflow, with the simple and with the FAB auth manager."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow
from scripts.setup_venv import FAB_MINIMUM
from tests.docs.consoles import agrees, conversation, typed
from tests.docs.pages import ALL_BLOCKS
from tests.system.airflow_with_users import PASSWORDS, ApiServer, airflow_with_users
from tests.system.cutting_proxy import cutting_proxy
from tests.workflow_run.conftest import Done, Runner, with_program

SEED = ("--phase", "wf1", "--phase", "wf2,wf3,wf4", "--phase", "wf5,wf6", "--phase", "wf7")


@pytest.fixture(scope="module", params=["simple", "fab"])
def airflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """An Airflow of this module's own, with the users ``ops`` and ``viewer``; one auth manager after the other."""
    if request.param == "fab" and sys.version_info < FAB_MINIMUM:
        pytest.skip("the FAB auth manager that fits this Airflow needs Python 3.11")
    with airflow_with_users(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


# Where the auth manager makes no difference, one of them is enough.
with_one = pytest.mark.parametrize("airflow", ["simple"], indirect=True, scope="module")


@pytest.fixture
def door(airflow: LocalAirflow) -> Iterator[Path]:
    """What the workflow ``rebuild_index`` waits for."""
    path = airflow.dags_folder.parent / "door"
    path.unlink(missing_ok=True)
    yield path
    path.touch()


def run(airflow: LocalAirflow, *arguments: str, user: str = "ops") -> Done:
    runner = Runner(airflow.url, {"SECRET": PASSWORDS[user]})
    done = runner.run(*arguments, login=("--username", user, "--password-env", "SECRET"))
    assert PASSWORDS[user] not in done.text
    return done


def start(airflow: LocalAirflow, *arguments: str, url: str = "") -> subprocess.Popen[str]:
    return Runner(url or airflow.url, {"SECRET": PASSWORDS["ops"]}).start(*arguments)


def count_runs(airflow: LocalAirflow) -> int:
    return sum(len(airflow.runs(dag)) for dag in airflow.dag_ids())


def one_running(airflow: LocalAirflow, dag: str, known: set[str]) -> str | None:
    """A run that is not among the known ones and whose task has a worker."""
    new = [run for run in airflow.runs(dag) if run.run_id not in known and run.state == "running"]
    return new[0].run_id if new and airflow.task_states(dag, new[0].run_id).get("a") == "running" else None


def run_ids(airflow: LocalAirflow, dag: str) -> set[str]:
    return {run.run_id for run in airflow.runs(dag)}


def test_the_phases_of_the_seed(airflow: LocalAirflow) -> None:
    done = run(airflow, *SEED, "--json", "--min-duration", "0s", "--max-duration", "5m")

    assert done.code == 0, done.text
    told = json.loads(done.out)["workflows"]
    assert [(each["phase"], each["workflow"], each["state"]) for each in told] == [
        (phase, f"wf{number}", "success")
        for phase, numbers in enumerate([(1,), (2, 3, 4), (5, 6), (7,)], 1)
        for number in numbers
    ]
    times: dict[int, list[tuple[str, str]]] = {}
    for each in told:
        [found] = [r for r in airflow.runs(each["workflow"]) if r.run_id == each["run_id"]]
        assert found.state == "success"
        details = airflow._call("GET", f"/api/v2/dags/{each['workflow']}/dagRuns/{each['run_id']}")
        assert details["logical_date"] is not None  # by which later runs know of this one's success
        times.setdefault(each["phase"], []).append((details["queued_at"], details["end_date"]))
    for phase in (2, 3, 4):
        assert min(queued for queued, _ in times[phase]) > max(ended for _, ended in times[phase - 1])


TIME = r"\d{4}-\d\d-\d\dT\d\d(?::|%3A)\d\d(?::|%3A)\d\dZ"


def scrubbed(line: str, url: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in (
        (re.escape(url), "https://airflow.example.com"),
        (f"{TIME}__[0-9a-f]{{12}}", "ID"),
        (TIME, "TIME"),
        (r"after \d+s", "after Ns"),
        (r"took \d+\.\ds", "took Ns"),
        (r'"seconds": \d+\.\d+', '"seconds": N'),
    ):
        line = re.sub(pattern, word, line)
    return line.rstrip()


@with_one
def test_the_examples_of_the_page(airflow: LocalAirflow, door: Path, tmp_path: Path) -> None:
    env = with_program(tmp_path / "bin", {**Runner("").env, "AIRFLOW_PASSWORD": PASSWORDS["ops"]})
    # Those of the other targets are run by tests/workflow_run/test_docs.py.
    blocks = [
        block
        for block in ALL_BLOCKS
        if block.page == "docs/workflow-run.md" and block.language == "console" and "--target" not in block.text
    ]
    codes = set()
    for block in blocks:
        code = -1
        for command, shown in conversation(block):
            if command == "echo $?":
                assert shown == [str(code)], block
                continue
            done = typed(command.replace("https://airflow.example.com", airflow.url), env, tmp_path)
            code = done.returncode
            codes.add(code)
            printed = [scrubbed(line, airflow.url) for line in done.stdout.splitlines()]
            assert agrees([scrubbed(line, airflow.url) for line in shown], printed), f"{block}\n{done.stdout}"
    assert codes == {0, 3, 4, 5, 6, 7}


def test_a_wrong_password_is_a_login_failure(airflow: LocalAirflow) -> None:
    done = Runner(airflow.url, {"SECRET": "guessed"}).run("--phase", "wf1")

    assert done.code == 3
    assert "refuses the login of 'ops' (POST /auth/token answered 401" in done.err


def test_what_is_not_ready_is_told_at_once_and_nothing_starts(airflow: LocalAirflow) -> None:
    before = count_runs(airflow)

    done = run(airflow, "--phase", "wf1", "--phase", "audit_stock,broken,wf_2,publish_orders", "--variable", "factr=2")

    assert done.code == 4, done.text
    problems = done.err.splitlines()
    assert "unknown variable 'factr'; did you mean 'factor'?" in problems[0]
    assert problems[1] == "workflow-run: audit_stock: it is paused, its runs would not start; unpause it in Airflow"
    assert problems[2].startswith("workflow-run: broken: its definition is broken: 1 error in the definition: ")
    assert "unknown task 'b'" in problems[2]
    assert problems[3] == "workflow-run: wf_2: it does not exist; did you mean 'wf2'?"
    assert (
        problems[4]
        == "workflow-run: publish_orders: variable 'factor' has no value; give it one with --variable factor=VALUE"
    )
    assert problems[5] == "workflow-run: readiness: 5 of the workflows cannot be executed"
    assert count_runs(airflow) == before


def test_who_may_only_look_may_not_start(airflow: LocalAirflow) -> None:
    before = count_runs(airflow)

    done = run(airflow, "--phase", "wf1,wf2", "--cancel-on-interrupt", user="viewer")

    assert done.code == 4
    assert done.err.splitlines()[:2] == [
        "workflow-run: wf1: 'viewer' may not start it",
        "workflow-run: wf2: 'viewer' may not start it",
    ]
    assert count_runs(airflow) == before


def test_asking_for_permission_starts_and_stops_nothing(airflow: LocalAirflow) -> None:
    """The whole check, permission included, of a workflow that is refused for another reason."""
    before = count_runs(airflow)

    done = run(airflow, "--phase", "wf1,audit_stock", "--cancel-on-interrupt", user="ops")

    assert done.code == 4
    assert len(done.err.splitlines()) == 2
    assert count_runs(airflow) == before


def test_a_failed_run_is_an_execution_failure_with_its_reason(airflow: LocalAirflow) -> None:
    done = run(airflow, "--phase", "import_prices,wf1", "--phase", "wf2")

    assert done.code == 5, done.text
    [failed] = [line for line in done.out.splitlines() if "import_prices: failed" in line]
    assert "failed: 'a'" in failed
    assert "wf1: success" in done.out
    assert "phase 2" not in done.out


@with_one
def test_later_phases_run_after_a_failure_if_told_to(airflow: LocalAirflow) -> None:
    done = run(airflow, "--phase", "import_prices", "--phase", "wf2", "--on-failure", "continue")

    assert done.code == 5
    assert "wf2: success" in done.out


@with_one
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--expect", "rows_published == 84 and region == 'EU' and factor == 2"), 0, ""),
        (("--expect", "tasks.count == 'success' and tasks.never == 'skipped'"), 0, ""),
        (("--variable", "publish_orders:region=US", "--expect", "vars.region == 'US'"), 0, ""),
        (("--expect", "rows_published > 100"), 6, "does not hold: rows_published > 100"),
        (("--expect", "rows_publishd > 100"), 6, "unknown variable 'rows_publishd'; did you mean 'rows_published'?"),
        (("--min-duration", "1h"), 6, "less than --min-duration 1h"),
        (("--max-duration", "0.001s"), 6, "more than --max-duration 0.001s"),
    ],
)
def test_conditions_hold_or_not(airflow: LocalAirflow, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(airflow, "--phase", "publish_orders", "--variable", "factor=2", *arguments)

    assert done.code == code, done.text
    assert message in done.out


@with_one
def test_a_timeout_leaves_the_run(airflow: LocalAirflow, door: Path) -> None:
    known = run_ids(airflow, "rebuild_index")

    done = run(airflow, "--phase", "rebuild_index", "--phase", "wf1", "--timeout", "10s")

    assert done.code == 7, done.text
    [run_id] = run_ids(airflow, "rebuild_index") - known
    assert f"/dags/rebuild_index/runs/{run_id.replace(':', '%3A')}" in done.err
    assert airflow.run("rebuild_index", run_id).state in ("queued", "running")
    door.touch()
    assert airflow.wait_for_run("rebuild_index", run_id) == "success"


@pytest.mark.parametrize("cancels", [False, True])
def test_an_interrupt_ends_it_and_stops_the_runs_if_told_to(airflow: LocalAirflow, door: Path, cancels: bool) -> None:
    known = run_ids(airflow, "rebuild_index")
    with start(airflow, "--phase", "rebuild_index", *(["--cancel-on-interrupt"] if cancels else [])) as program:
        run_id = wait_for(lambda: one_running(airflow, "rebuild_index", known), "the run")
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=120)

    assert program.returncode == 130, out + err
    assert "Traceback" not in err
    assert airflow.run("rebuild_index", run_id).state == ("failed" if cancels else "running")
    door.touch()
    assert airflow.wait_for_run("rebuild_index", run_id) == ("failed" if cancels else "success")


def test_a_restart_of_the_api_server_with_another_secret_does_not_matter(
    airflow: LocalAirflow, door: Path, tmp_path: Path
) -> None:
    server, known = ApiServer(airflow, tmp_path / "api-server.log"), run_ids(airflow, "rebuild_index")
    try:
        server.start(secrets.token_hex(32))
        server.wait()
        with start(airflow, "--phase", "rebuild_index", "--phase", "wf1", url=server.url) as program:
            assert program.stdout is not None
            run_id = wait_for(lambda: one_running(airflow, "rebuild_index", known), "the run")
            server.kill()
            told = ""
            while "no contact" not in told:
                told = program.stdout.readline()
                assert told
            server.start(secrets.token_hex(32))
            server.wait()
            door.touch()
            out, err = program.communicate(timeout=120)
        assert program.returncode == 0, out + err
        assert "contact again" in out
        assert run_ids(airflow, "rebuild_index") - known == {run_id}
    finally:
        server.kill()


@with_one
def test_lost_contact_leaves_the_run_and_says_where_it_is(airflow: LocalAirflow, door: Path, tmp_path: Path) -> None:
    server, known = ApiServer(airflow, tmp_path / "api-server.log"), run_ids(airflow, "rebuild_index")
    try:
        server.start(secrets.token_hex(32))
        server.wait()
        with start(airflow, "--phase", "rebuild_index", "--lost-contact-after", "3s", url=server.url) as program:
            run_id = wait_for(lambda: one_running(airflow, "rebuild_index", known), "the run")
            server.kill()
            out, err = program.communicate(timeout=120)
    finally:
        server.kill()

    assert program.returncode == 8, out + err
    assert f"look at {server.url}/dags/rebuild_index/runs/{run_id.replace(':', '%3A')}" in err
    door.touch()
    assert airflow.wait_for_run("rebuild_index", run_id) == "success"


@with_one
@pytest.mark.parametrize("late", [False, True], ids=["handled at once", "handled after the search"])
def test_a_lost_answer_to_the_start_starts_one_run(airflow: LocalAirflow, late: bool) -> None:
    """With ``late`` the first request reaches Airflow after the run was looked for, so that the second meets it."""
    known = run_ids(airflow, "wf1")
    lost: list[Callable[[], object]] = []
    seen: list[str] = []

    def cut(what: str, body: str, hand_on: Callable[[], object]) -> bool:
        if not (what.startswith("POST") and what.endswith("/wf1/dagRuns") and "dag_run_id" in body):
            return False
        seen.append(body)
        if len(seen) > 1:
            if late:
                lost[0]()
            return False
        lost.append(hand_on)
        if not late:
            hand_on()
        return True

    with cutting_proxy(airflow.url, cut) as url:
        done = Runner(url, {"SECRET": PASSWORDS["ops"]}).run("--phase", "wf1", "--phase", "wf2")

    assert done.code == 0, done.text
    assert len(run_ids(airflow, "wf1") - known) == 1
    # Found by looking in the one case, by the refusal of the second request in the other.
    assert seen == [seen[0]] * (2 if late else 1)


def test_a_token_is_enough(airflow: LocalAirflow) -> None:
    import httpx

    body: dict[str, Any] = {"username": "ops", "password": PASSWORDS["ops"]}
    token = httpx.post(f"{airflow.url}/auth/token", json=body, timeout=60, trust_env=False).json()["access_token"]

    good = Runner(airflow.url, {"TOKEN": token}).run("--phase", "wf1", login=("--token-env", "TOKEN"))
    bad = Runner(airflow.url, {"TOKEN": token[:-2]}).run("--phase", "wf1", login=("--token-env", "TOKEN"))

    assert good.code == 0, good.text
    assert bad.code == 3
    assert "does not accept the token in TOKEN" in bad.err


@with_one
def test_a_file_that_no_longer_imports_makes_its_workflow_not_ready(airflow: LocalAirflow) -> None:
    file = airflow.dags_folder / "torn.py"
    text = '"""An airflow dag."""\nfrom airflow.sdk import DAG\n\nwith DAG("torn", schedule=None):\n    pass\n'
    file.write_text(text)
    airflow.wait_for_dag("torn")
    airflow.set_paused("torn", paused=False)
    try:
        file.write_text(f"{text}\nraise ValueError('torn')\n")

        def is_torn() -> bool:
            airflow.parse_now()
            return bool(airflow.dag_details("torn")["has_import_errors"])

        wait_for(is_torn, "the import error")

        done = run(airflow, "--phase", "torn")
    finally:
        file.unlink()

    assert done.code == 4
    assert "torn: its file has import errors" in done.err
