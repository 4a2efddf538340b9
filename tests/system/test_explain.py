"""Runs explained on a real Airflow: on the command line, and in its UI for those who may read them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import psutil
import pytest

from airflow_workflow_provider.plugins.answers import DETAILS
from scripts.airflow_api import wait_for
from scripts.airflow_launcher import tail
from scripts.local_airflow import LocalAirflow, free_ports
from tests.installed import ROOT, site_folder

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
HOSTILE = "<script>alert(1)</script>\"' &amp;"
PASSWORDS = {"reader": "pass-of-reader", "outsider": "pass-of-outsider"}

DEFINITION = f"""
outcome: handled
variables:
  threshold: {{type: integer, default: 20}}
  channel: email
  token: {{secret: true, from: explained_token}}
defaults: {{connection: test_db}}
tasks:
  find: {{sql: "SELECT 7 AS id, '12.50' AS price WHERE :threshold < 100", set: {{item: id}}}}
  order:
    operator: {BASH}
    arguments: {{bash_command: 'exit 1', env: {{ITEM: "{{{{ vars.item }}}}", TOKEN: "{{{{ vars.token }}}}"}}}}
    depends_on: find
  by_mail: {{sql: "SELECT :channel", if: vars.channel == "email", depends_on: find}}
  nothing: {{sql: SELECT 1 WHERE 1 = 0, on_empty: skip, depends_on: find}}
  shipped: {{sql: SELECT 1, depends_on: order}}
  sorry: {{sql: "INSERT INTO log VALUES (:run_id, :failed_tasks)", depends_on: {{order: failure}}}}
"""


@dataclass(frozen=True)
class Run:
    """The run that the tests look at, of that definition."""

    dag: str
    id: str


@pytest.fixture(scope="module")
def run(airflow: LocalAirflow, dag_folder: Path) -> Run:
    airflow.set_variable("explained_token", "open-sesame")
    (dag_folder / "explained.workflow.yaml").write_text(f"workflow: explained\n{DEFINITION}")
    airflow.wait_for_dag("explained")
    run_id = airflow.trigger("explained", {"threshold": 50, "channel": HOSTILE, "nonsense": 1})
    assert airflow.wait_for_run("explained", run_id) == "success"
    airflow._call("PATCH", f"/api/v2/dags/explained/dagRuns/{quote(run_id, safe='')}", json={"note": HOSTILE})
    return Run("explained", run_id)


class AirflowProgram:
    """The ``airflow`` program on the metadata database of the Airflow that runs."""

    def __init__(self, airflow: LocalAirflow, home: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.home = home
        self.environment = {
            **inherited,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow.metadata,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *site_folder(home)))),
            "NO_COLOR": "1",
        }

    def __call__(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", "workflows", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def program(airflow: LocalAirflow, tmp_path_factory: pytest.TempPathFactory) -> AirflowProgram:
    return AirflowProgram(airflow, tmp_path_factory.mktemp("program"))


def test_the_command_line_tells_what_ran_and_why(program: AirflowProgram, run: Run) -> None:
    text = program("explain", f"{run.dag}/{run.id}")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text.replace(run.id, "RUN"))
    text = re.sub(r"  +[\d.]+m?s( \d+s)?", "  TOOK", re.sub(r"version \w{12}", "version VERSION", text))
    text = re.sub(r"(?<=\S)  +", "  ", text)
    assert text.splitlines() == [
        "explained  version VERSION",
        "  run  RUN",
        "  state  success (outcome: handled)",
        "  reason  every failure was handled: 'order' by 'sorry'",
        "  started by  the REST API (Anonymous)",
        "  started  TIME",
        "  took  TOOK",
        f"  note  {HOSTILE}",
        "",
        "tasks",
        "  ✓ find  success  TOOK  ran: it has no edges",
        "  ✗ order  failure  TOOK  ran: 'find' succeeded (edge: on success)",
        "  – by_mail  skipped  TOOK  did not run: the condition 'vars.channel == \"email\"' is false",
        "  – nothing  skipped  TOOK  did not run: the query returned no row (on_empty: skip)",
        "  – shipped  skipped  did not run: 'order' failed (edge: on success)",
        "  ✓ sorry  success  TOOK  ran: 'order' failed (edge: on failure)",
        "",
        "variables",
        "  threshold  integer  50  given when the run was started; read by find",
        f"  channel  any  {json.dumps(HOSTILE)}  given when the run was started; read by by_mail",
        "  token  any  ***  Airflow Variable 'explained_token'; read by order",
        "  item  any  7  set by 'find'; read by order",
        "",
        "note: given when the run was started, but no variables: nonsense",
    ]


def test_runs_are_listed_and_latest_is_one_of_them(program: AirflowProgram, run: Run) -> None:
    [listed] = json.loads(program("runs", run.dag, "--json"))
    assert (listed["run"], listed["state"], listed["reason"]) == (
        run.id,
        "success",
        "every failure was handled: 'order' by 'sorry'",
    )
    assert json.loads(program("explain", f"{run.dag}/latest", "--json"))["run"] == run.id


def test_a_run_is_explained_by_the_definition_that_it_ran_with(
    airflow: LocalAirflow, define: Define, dag_folder: Path, program: AirflowProgram
) -> None:
    dag = define("replaced", "defaults: {connection: test_db}\ntasks: {old: {sql: SELECT 1}}\n")
    run_id = airflow.trigger(dag)
    airflow.wait_for_run(dag, run_id)
    define("replaced", "defaults: {connection: test_db}\ntasks: {new: {sql: SELECT 1}}\n")
    assert [each["task_id"] for each in airflow._list(f"/api/v2/dags/{dag}/tasks", "tasks")] == ["new"]
    later = airflow.trigger(dag)
    airflow.wait_for_run(dag, later)
    (dag_folder / "replaced.workflow.yaml").write_text("this is no definition")
    for each, task in ((run_id, "old"), (later, "new")):
        explained = json.loads(program("explain", "--workflow", dag, each, "--json"))
        assert [each["task"] for each in explained["tasks"]] == [task]


def test_a_person_who_stops_a_task_or_a_run_is_the_reason(
    airflow: LocalAirflow, define: Define, program: AirflowProgram
) -> None:
    waits = f"{{operator: {BASH}, arguments: {{bash_command: sleep 300}}}}"
    dag = define("interrupted", f"tasks:\n  a: {waits}\n  b: {waits}\n  c: {{{waits[1:-1]}, depends_on: [a, b]}}\n")
    run_id = airflow.trigger(dag)
    wait_for(lambda: list(airflow.task_states(dag, run_id).values()).count("running") == 2, "both tasks")
    path = f"/api/v2/dags/{dag}/dagRuns/{quote(run_id, safe='')}"
    airflow._call("PATCH", f"{path}/taskInstances/a", json={"new_state": "success"})
    airflow._call("PATCH", path, json={"state": "failed"})
    wait_for(lambda: airflow.task_states(dag, run_id)["b"] == "failed", "the end of b")
    explained = json.loads(program("explain", f"{dag}/{run_id}", "--json"))
    assert explained["reason"].startswith("a person set the run's state to failed")
    reasons = {each["task"]: each["reason"] for each in explained["tasks"]}
    assert reasons["a"] == "a person set its state to success"
    assert reasons["c"] in (
        "did not run: a person ended the run before it could start",
        "did not run: 'b' failed (edge: on success)",
    )


# The UI


@dataclass(frozen=True)
class Door:
    """An API server with users, behind a path; ``log_in`` gives a client as the browser of a user is one."""

    url: str

    def log_in(self, name: str | None) -> httpx.Client:
        cookies = {}
        if name is not None:
            user = {"username": name, "password": PASSWORDS[name]}
            answer = httpx.post(f"{self.url}/auth/token", json=user, timeout=60, trust_env=False)
            assert answer.status_code == 201, answer.text
            cookies["_token"] = answer.json()["access_token"]
        return httpx.Client(base_url=self.url, cookies=cookies, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def door(program: AirflowProgram) -> Iterator[Door]:
    """A second API server on the same database, with a login and with a path in ``[api] base_url``."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}/team"
    passwords = program.home / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    settings = {
        "API__BASE_URL": url,
        "API__SECRET_KEY": "k" * 64,
        "API_AUTH__JWT_SECRET": "j" * 64,
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "reader:VIEWER,outsider:",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    environment = {**program.environment, **{f"AIRFLOW__{name}": value for name, value in settings.items()}}
    arguments = ["api-server", "--apps", "core", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    log = program.home / "api-server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:

        def answers() -> bool:
            assert server.poll() is None, tail(log)
            try:
                return httpx.get(f"{url}/api/v2/version", timeout=30, trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_for(answers, "the API server")
        yield Door(url)
    finally:
        below = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        psutil.wait_procs(below, timeout=10)


def path_of(run: Run, kind: str = "explain") -> str:
    return f"/workflows/runs/{kind}/{run.dag}/{quote(run.id, safe='')}"


def test_the_tab_on_the_page_of_a_run_leads_to_the_explanation(door: Door, run: Run) -> None:
    """As Airflow's UI does it: the view's address with the placeholders filled in, relative to the page's base."""
    with door.log_in("reader") as client:
        page = client.get("/dags").text
        base = re.search(r'<base href="([^"]*)"', page)
        assert base is not None
        assert base[1] == "/team/"
    with httpx.Client(base_url=door.url, timeout=60, trust_env=False) as anonymous:
        assert anonymous.get("/api/v2/plugins").status_code == 401
    with door.log_in("reader") as client:
        plugins = client.get("/api/v2/plugins").json()["plugins"]
        [view] = [view for plugin in plugins for view in plugin["external_views"] if view["name"] == "Explain"]
        assert view["destination"] == "dag_run"
        address = view["href"].replace("{DAG_ID}", quote(run.dag, safe="")).replace("{RUN_ID}", quote(run.id, safe=""))
        answer = client.get(urljoin(f"{door.url}/", address))
        assert answer.status_code == 200
        assert "Every failure was handled" in answer.text


class _Page(HTMLParser):
    """The texts of a page, and the elements and attributes that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_the_page_shows_the_run_and_nothing_that_is_in_a_value_works(door: Door, run: Run) -> None:
    with door.log_in("reader") as client:
        answer = client.get(path_of(run))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = _Page(answer.text)
    for text in (
        "Every failure was handled: 'order' by 'sorry'",
        "Did not run: the condition 'vars.channel == \"email\"' is false",
        "Did not run: 'order' failed (edge: on success)",
        "Airflow Variable 'explained_token'",
        "***",
        HOSTILE,
        json.dumps(HOSTILE),
    ):
        assert text in page.texts, text
    assert "open-sesame" not in answer.text
    assert page.count("script") == page.count("img") == page.count("iframe") == 0
    assert page.count("table") == page.count("caption") == 2
    assert not [attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)]
    assert not [attributes for _, attributes in page.elements if "src" in attributes or "style" in attributes]
    assert ("html", {"lang": "en"}) in page.elements
    assert "refresh" not in [attributes.get("http-equiv") for _, attributes in page.elements], "the run has ended"


def test_the_page_of_a_run_that_goes_on_renews_itself(
    airflow: LocalAirflow, define: Define, door: Door, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    waits = f"{{operator: {BASH}, arguments: {{bash_command: 'while [ ! -e {gate} ]; do sleep 0.1; done'}}}}"
    dag = define("goes_on", f"tasks:\n  a: {waits}\n")
    run = Run(dag, airflow.trigger(dag))
    try:
        wait_for(lambda: airflow.task_states(dag, run.id).get("a") == "running", "the task")
        with door.log_in("reader") as client:
            page = _Page(client.get(path_of(run)).text)
        assert {"http-equiv": "refresh", "content": "10"} in [attributes for _, attributes in page.elements]
        assert "Running: 'a'" in page.texts
    finally:
        gate.touch()
        airflow.wait_for_run(dag, run.id)


def test_only_who_may_read_the_run_sees_it(door: Door, run: Run) -> None:
    for kind in ("explain", "explain.json"):
        for name, status in ((None, 401), ("outsider", 403), ("reader", 200)):
            with door.log_in(name) as client:
                answer = client.get(path_of(run, kind))
                assert answer.status_code == status, (kind, name)
                if status != 200:
                    assert "failure" not in answer.text
                    # Nor does it tell what there is.
                    assert client.get(path_of(Run("no_such_dag", "no_such_run"), kind)).status_code == status
    with httpx.Client(base_url=door.url, headers={"Authorization": "Bearer forged"}, trust_env=False) as forged:
        assert forged.get(path_of(run)).status_code == 403


def test_what_is_not_there_is_a_page_too(door: Door, run: Run) -> None:
    with door.log_in("reader") as client:
        for missing in (
            Run(run.dag, "nowhere"),
            Run("nowhere", "x"),
            Run(run.dag, HOSTILE),
            Run("~", "~"),
            Run("a", "b/c"),
        ):
            page = client.get(path_of(missing))
            assert page.status_code == 404
            assert DETAILS[404].capitalize() in _Page(page.text).texts
            answer = client.get(path_of(missing, "explain.json"))
            assert (answer.status_code, answer.json()) == (404, {"detail": DETAILS[404]})
        for path in ("/workflows/runs/openapi.json", "/workflows/runs/docs", "/workflows/runs/explain"):
            assert client.get(path).status_code == 404
        assert client.post(path_of(run)).status_code == 405


def test_every_answer_forbids_what_it_does_not_need(door: Door, run: Run) -> None:
    with door.log_in("reader") as client, door.log_in(None) as anonymous:
        for answer in (
            client.get(path_of(run)),
            client.get(path_of(run, "explain.json")),
            client.get(path_of(Run(run.dag, "nowhere"))),
            client.get(path_of(Run(run.dag, "\0"))),
            client.get("/workflows/runs/nowhere"),
            client.post(path_of(run)),
            anonymous.get(path_of(run)),
        ):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


def test_the_json_beside_the_page_is_that_of_the_command_line(door: Door, run: Run, program: AirflowProgram) -> None:
    with door.log_in("reader") as client:
        page = _Page(client.get(path_of(run)).text)
        [link] = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
        assert link is not None
        answer = client.get(urljoin(f"{door.url}{path_of(run)}", link))
    assert answer.headers["content-type"] == "application/json"
    told: dict[str, Any] = answer.json()
    assert told == json.loads(program("explain", run.id, "--json"))
