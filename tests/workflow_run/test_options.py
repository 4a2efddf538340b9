"""The command line: what is refused before anything is sent, secrets, terminals and consoles."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_workflow_provider import __version__
from airflow_workflow_provider.workflow_run.exits import ExitCode
from airflow_workflow_provider.workflow_run.options import is_clear_text
from tests.workflow_run.conftest import ROOT, Runner
from tests.workflow_run.fake_airflow import PASSWORD, Dag, FakeAirflow


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--phase", ""), "--phase: '' has an empty name"),
        (("--phase", "a,,b"), "--phase: 'a,,b' has an empty name"),
        (("--phase", "a,b,a"), "--phase: 'a' stands twice in one phase"),
        (("--phase", "a", "--variable", "x"), "--variable: 'x' is not NAME=VALUE"),
        (("--phase", "a", "--variable", "b:x=1"), "what stands before the colon is no workflow of a --phase"),
        (("--phase", "a", "--min-duration", "5 minutes"), "--min-duration: '5 minutes' is not a duration"),
        (("--phase", "a", "--max-duration", "a:5"), "--max-duration: '5' is not a duration"),
        (("--phase", "a", "--min-duration", "2m", "--max-duration", "1m"), "no run could hold both"),
        (("--phase", "a,b", "--min-duration", "2m", "--max-duration", "b:1m"), "--max-duration for 'b'"),
        (("--phase", "a", "--timeout", "0s"), "--timeout: must be longer than nothing"),
        (("--phase", "a", "--lost-contact-after", "x"), "--lost-contact-after: 'x' is not a duration"),
        (("--phase", "a", "--expect", "rows >"), "--expect: rows >: the check cannot be read"),
        (("--phase", "a", "--on-failure", "retry"), "--on-failure: invalid choice: 'retry'"),
        ((), "the following arguments are required: --phase"),
        (("--phase", "a", "--pha", "b"), "unrecognized arguments: --pha b"),
        (("--phase", "a", "--ca-file", "no/such.pem"), "--ca-file"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(
    fake: FakeAirflow, runner: Runner, arguments: tuple[str, ...], message: str
) -> None:
    if "--ca-file" in arguments:
        runner.url = "https://127.0.0.1:1"
    done = runner.run(*arguments)

    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert not fake.requests


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("airflow.example.com", "write the whole address"),
        ("ftp://airflow.example.com", "write the whole address"),
        ("https://", "write the whole address"),
        ("https://ops:secret@airflow.example.com", "no user name or password in the address"),
        ("https://airflow.example.com/?a=1", "nothing after it"),
        ("https://airflow.example.com:port", "--url: "),
    ],
)
def test_a_wrong_address_is_told(url: str, message: str) -> None:
    done = Runner(url).run("--phase", "a")

    assert done.code == 2
    assert message in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ((), "give --username, or --token-env"),
        (("--username", "ops"), "there is no terminal to ask for the password"),
        (("--username", "ops", "--password-env", "NOT_SET"), "the environment variable NOT_SET is not set or empty"),
        (("--token-env", "EMPTY"), "the environment variable EMPTY is not set or empty"),
        (("--token-env", "A", "--password-env", "B"), "not allowed with argument"),
        (("--token-env", "A", "--username", "ops"), "--token-env needs no --username"),
    ],
)
def test_credentials_must_be_there(fake: FakeAirflow, login: tuple[str, ...], message: str) -> None:
    done = Runner(fake.url, {"EMPTY": ""}).run("--phase", "a", login=login)

    assert done.code == 2
    assert message in done.err
    assert not fake.requests


def test_credentials_go_where_they_belong_and_nowhere_else(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag()}

    assert runner.run("--phase", "wf").code == 0

    assert {path for _, path in fake.requests if "token" in path} == {"/auth/token"}
    assert all("Authorization" in headers for headers in fake.headers[1:])
    assert {headers["User-Agent"] for headers in fake.headers} == {f"workflow-run/{__version__}"}


def test_a_password_that_travels_in_clear_is_warned_of() -> None:
    done = Runner("http://airflow.invalid").run("--phase", "wf", "--lost-contact-after", "0.5s")

    assert done.code == 3
    assert "workflow-run: warning: http://airflow.invalid is not https: the password travels in clear" in done.err


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://airflow.example.com", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("https://airflow.example.com", False),
        ("http://127.example.com", True),
    ],
)
def test_what_travels_in_clear(url: str, clear: bool) -> None:
    assert is_clear_text(url) is clear


def test_the_help_has_every_exit_code() -> None:
    done = Runner("").run("--help")

    assert done.code == 0
    for code in ExitCode:
        assert re.search(rf"^  {code}\s+{re.escape(code.meaning)}$", done.out, flags=re.MULTILINE)


def on_a_terminal(command: list[str], env: dict[str, str], answer: str | None = None) -> tuple[int, str]:
    """The exit code, and what a terminal of 100 columns got."""
    master, slave = pty.openpty()
    env = {**env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as program:
        os.close(slave)
        shown = b""
        while program.poll() is None or select.select([master], [], [], 0.2)[0]:
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                shown += os.read(master, 4096)
            except OSError:
                break
            if answer is not None and b"Password of ops:" in shown:
                os.write(master, f"{answer}\n".encode())
                answer = None
    os.close(master)
    return program.returncode, shown.decode(errors="replace")


def test_a_terminal_gets_a_table_and_is_asked_for_the_password(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(), "bad": Dag(states=("failed",))}
    command = runner.command("--phase", "wf,bad", login=("--username", "ops"))

    code, shown = on_a_terminal(command, runner.env, PASSWORD)

    assert code == 5, shown
    assert PASSWORD not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"phase\s+workflow\s+state\s+time", plain)
    assert re.search(r"1\s+wf\s+success\s+3s", plain)
    assert re.search(r"1\s+bad\s+failed\s+3s\s+no task failed", plain)


def test_a_console_of_another_encoding_gets_escapes(fake: FakeAirflow) -> None:
    name = "wörk_流"
    fake.dags = {name: Dag(states=("failed",), xcoms=[("workflow.outcome", "reason", "✗ kaputt – 流")])}
    runner = Runner(fake.url, {"PYTHONIOENCODING": "cp1252"})
    done = subprocess.run(
        runner.command("--phase", name), env=runner.env, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )

    assert done.returncode == 5
    assert rb"\u2717 kaputt" in done.stdout
    assert "wörk_".encode("cp1252") + rb"\u6d41" in done.stdout
    assert b"Traceback" not in done.stderr


def test_it_loads_neither_airflow_nor_anything_heavy(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag()}
    probe = (
        "import atexit, sys\n"
        "from airflow_workflow_provider.workflow_run.main import main\n"
        "code = main()\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names & {'airflow', 'jinja2', 'jsonschema', 'pydantic', 'yaml', 'sqlalchemy', 'pendulum'}))\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", probe, *runner.command("--phase", "wf")[3:]]
    done = subprocess.run(command, env=runner.env, capture_output=True, text=True, check=False, cwd=Path(ROOT).parent)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    light = [sys.executable, "-X", "importtime", "-m", "airflow_workflow_provider.workflow_run", "--version"]
    shown = subprocess.run(light, env=runner.env, capture_output=True, text=True, check=True)
    assert "httpx" not in shown.stderr


def test_it_uses_nothing_that_windows_does_not_have() -> None:
    """No fork, no modules of POSIX, no signals but those that are asked for by name."""
    for path in (ROOT / "airflow_workflow_provider" / "workflow_run").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\b(?:fcntl|termios|tty|pty|pwd|grp|resource|select|os\.fork|os\.kill|setitimer)\b", text
        ), path
        assert not re.search(r"signal\.SIG(?!INT\b)", text), path
        assert not re.search(r"strftime|%-d|signal\.alarm|pause\(\)", text), path


def test_work_goes_on_when_nobody_reads_any_more(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(), "next": Dag()}
    with runner.start("--phase", "wf", "--phase", "next") as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        program.stdout.close()
        code = program.wait(40)

    assert code == 0
    assert fake.posts("next")


@pytest.mark.parametrize(
    "url", ["http://a b", "http://[::1", "http://a..b", "http://" + "a" * 300, "http://\u2603", "http://-"]
)
def test_a_strange_address_gives_no_traceback(url: str) -> None:
    assert Runner(url).run("--phase", "wf", "--lost-contact-after", "0.3s").code in (2, 3)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"ALL_PROXY": "gopher://127.0.0.1:1"}, "a proxy that the environment names"),
        ({"HTTPS_PROXY": "http://[::1"}, "a proxy that the environment names"),
        ({"SSL_CERT_FILE": "no/such.pem"}, "what SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"),
    ],
)
@pytest.mark.parametrize(
    "target", [(), ("--target", "integrate-io", "--cluster", "1"), ("--target", "aperture")], ids=lambda t: t[1:2]
)
def test_an_environment_that_allows_no_request_is_told(
    env: dict[str, str], message: str, target: tuple[str, ...]
) -> None:
    login = ("--token-env", "SECRET") if "integrate-io" in target else ("--username", "ops", "--password-env", "SECRET")
    done = Runner("https://127.0.0.1:9/acme", env).run("--phase", "wf", *target, login=login)

    assert done.code == 2, done.text
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_password_that_is_no_text_is_told_without_a_part_of_it() -> None:
    done = Runner("http://127.0.0.1:9", {"SECRET": "caf\udce9"}).run("--phase", "wf")

    assert done.code == 2
    assert "what SECRET holds is no text" in done.err
    assert "e9" not in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_document_that_cannot_be_written_is_told(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag()}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            runner.command("--phase", "wf", "--json"),
            env=runner.env,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=40,
            check=False,
        )
    assert done.returncode == 0
    assert "the document of --json could not be written: [Errno 28]" in done.stderr


def test_a_token_that_cannot_be_sent_is_told() -> None:
    done = Runner("http://127.0.0.1:9", {"TOKEN": "t\u00f6ken"}).run("--phase", "wf", login=("--token-env", "TOKEN"))

    assert done.code == 2
    assert "what TOKEN holds is no token" in done.err
