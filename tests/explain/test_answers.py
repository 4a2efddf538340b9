"""Answers of the API server for requests of all kinds: a real server, Airflow's own application and login."""

from __future__ import annotations

import html
import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from airflow_workflow_provider.plugins.answers import DETAILS
from airflow_workflow_provider.plugins.run_view import URL_PREFIX
from tests.explain.database import start_run, write_dag
from tests.explain.runs import plan_of

TEXT = "workflow: answered\nvariables: {x: a}\ndefaults: {connection: db}\ntasks: {a: {sql: 'SELECT :x'}}"
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}


@dataclass(frozen=True)
class Server:
    """Where it is, and what a user sends who may see everything."""

    url: str
    token: str

    def ask(self, path: str, method: str = "GET", *, anonymous: bool = False, **more: Any) -> httpx.Response:
        headers = {"Host": "evil.example", **({} if anonymous else {"Authorization": f"Bearer {self.token}"})}
        url = httpx.URL(self.url, raw_path=f"{URL_PREFIX}{path}".encode())
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)


@pytest.fixture(scope="module")
def server(airflow_database: None) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "j" * 64)
        from airflow.api_fastapi.app import create_app
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        app = create_app("core")
        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="ada", role="admin"))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
            thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
            thread.start()
            yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}", token)
            running.should_exit = True
            thread.join()


def require_safe(answer: httpx.Response, *secret: str) -> None:
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "evil.example" not in f"{answer.headers}{answer.text}"
    if answer.is_success:
        return
    if answer.headers["content-type"] == "application/json":
        assert answer.json() == {"detail": DETAILS[answer.status_code]}
    else:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert DETAILS[answer.status_code][1:] in html.unescape(answer.text)
    assert not [each for each in secret if each in answer.text]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/explain/zaphod/beeblebrox", "GET", 404),
        ("/explain.json/zaphod/beeblebrox", "GET", 404),
        ("/explain/zaphod", "GET", 404),
        ("/explain.json/zaphod", "GET", 404),
        ("/explain", "GET", 404),
        ("/", "GET", 404),
        ("/zaphod", "GET", 404),
        ("/openapi.json", "GET", 404),
        ("/explain/zaphod/%00", "GET", 404),
        ("/explain/%00/beeblebrox", "GET", 404),
        ("/explain.json/zaphod/a%0bSet-Cookie:%20zaphod=1", "GET", 404),
        ("/explain/zaphod/%ff%fe", "GET", 404),
        ("/explain/~/~", "GET", 404),
        ("/explain/" + "zaphod" * 100 + "/x", "GET", 422),
        ("/explain.json/x/" + "zaphod" * 100, "GET", 422),
        ("/explain/zaphod/beeblebrox", "POST", 405),
        ("/explain/zaphod/beeblebrox", "DELETE", 405),
        ("/explain.json/zaphod/beeblebrox", "HEAD", 405),
        ("/explain/zaphod/beeblebrox", "TRACE", 405),
    ],
)
def test_every_refusal_has_the_headers_and_repeats_nothing(server: Server, path: str, method: str, status: int) -> None:
    answer = server.ask(path, method)
    assert answer.status_code == status
    if method != "HEAD":
        require_safe(answer, "zaphod", "beeblebrox", "ZAPHOD")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/explain/a/b", "/explain.json/a/b", "/explain/a", "/explain", "", "/", "/nowhere"])
def test_who_is_not_logged_in_is_led_nowhere(server: Server, path: str) -> None:
    """Least of all to what the request says the host is."""
    if path in ("/explain/a/b", "/explain.json/a/b"):
        answer = server.ask(path, anonymous=True)
        assert answer.status_code == 401
        require_safe(answer)
    else:
        answer = server.ask(path, anonymous=True)
        assert answer.status_code in (200, 404)  # without a path Airflow's own page answers
        assert "location" not in answer.headers


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "value"),
    [("deep", _nested(900)), ("digits", 10**4200), ("nul", "a\0b"), ("marks", "\u202e\x1b[31m")],
    ids=["deep", "digits", "nul", "marks"],
)
def test_a_run_that_was_given_something_odd_is_shown(
    server: Server, name: str, value: Any, tmp_path: Path, session: Any
) -> None:
    dag = write_dag(plan_of(tmp_path, TEXT), session)
    start_run(dag, f"odd_{name}", session, conf={"x": value})
    for kind in ("explain", "explain.json"):
        answer = server.ask(f"/{kind}/answered/odd_{name}")
        require_safe(answer)
        assert answer.status_code == 200


def test_a_run_without_a_plan_is_told_why(server: Server, tmp_path: Path, session: Any) -> None:
    dag = write_dag(plan_of(tmp_path, TEXT.replace("answered", "plain")), session, with_plan=False)
    start_run(dag, "here", session)
    assert "This run cannot be explained: it is not one of a workflow" in server.ask("/explain/plain/here").text
    answer = server.ask("/explain.json/plain/here")
    assert answer.status_code == 404
    assert "not one of a workflow of this package" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["explain", "explain.json"])
def test_what_goes_wrong_on_the_server_is_an_answer_like_any_other(
    server: Server, kind: str, tmp_path: Path, session: Any
) -> None:
    """A number of 5,000 digits, which somebody has put into Airflow's database: Python refuses to read it."""
    dag = write_dag(plan_of(tmp_path, TEXT), session)
    start_run(dag, f"unreadable_{kind}", session)
    conf = f'{{"x": {"9" * 5_000}}}'
    session.execute(text("UPDATE dag_run SET conf = :c WHERE run_id = :r"), {"c": conf, "r": f"unreadable_{kind}"})
    session.commit()
    answer = server.ask(f"/{kind}/answered/unreadable_{kind}")
    assert answer.status_code == 500
    require_safe(answer, "unreadable", "digits", "Traceback")


def test_random_addresses_get_no_answer_but_a_safe_one(server: Server) -> None:
    random.seed(1)
    parts = ["explain", "explain.json", "", "~", "%2e%2e", "%2f", "%5c", "\\", ";a=b", "%25", "%c0%af", "a" * 251]
    parts += [quote(each, safe="") for each in ("é", "\u202e", "\ud7ff", "'\"<x>", "{{1}}", "\x7f", "\u2028", "😀")]
    for _ in range(300):
        path = "/" + "/".join(random.choices(parts, k=random.randint(1, 5)))
        query = random.choice(["", "?dag_id=~", "?a=%00", "?" + "b" * 500])
        answer = server.ask(
            path + query, random.choice(["GET", "GET", "PUT", "OPTIONS"]), anonymous=random.random() < 0.3
        )
        assert answer.status_code in (401, 404, 405, 422), path
        require_safe(answer)
