"""A loopback server that answers like Airflow's REST API and can be told to misbehave.

Only what the runner asks for is there. That Airflow itself answers so is for tests/system/test_workflow_run.py.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PASSWORD = "correct horse battery staple"
HTML = (200, "text/html; charset=utf-8", "<html><body>One moment, please</body></html>")


@dataclass
class Dag:
    """``states`` are what a run answers, one after the other; the last one stays."""

    states: tuple[str, ...] = ("queued", "running", "success")
    details: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    may_start: bool = True
    may_stop: bool = True
    duration: float | None = 3.0
    tasks: dict[str, str | None] = field(default_factory=lambda: {"load": "success"})
    xcoms: list[tuple[str, str, Any]] = field(default_factory=list)
    refuses: str | None = None


@dataclass
class DagRun:
    dag: str
    id: str
    conf: dict[str, Any]
    logical_date: str | None = None
    looks: int = 0
    state: str | None = None


@dataclass
class Fault:
    """What happens to the next ``times`` requests that match; ``drop`` after being handled or before it."""

    method: str
    path: str
    times: float
    answer: tuple[int, str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    handle_first: bool = False
    hang: bool = False


class FakeAirflow:
    """A context manager; ``url`` is its address, ``requests`` what it got as (method, path)."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.dags: dict[str, Dag] = {}
        self.runs: dict[str, DagRun] = {}
        self.tokens: set[str] = set()
        self.accepted_uses = 10**9
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.page_size = 100
        self.taken_dates = 0
        self.on_request: Callable[[str, str], None] = lambda _method, _path: None
        self.released = threading.Event()
        self.lock = threading.RLock()
        self.port = 0
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> FakeAirflow:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        fake = self

        class Handler(_Handler):
            airflow = fake

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.released.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and end every connection; nobody answers then."""
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def fault(self, method: str, path: str, times: float = 1, **what: Any) -> None:
        """Let requests whose path (without prefix) matches a pattern go wrong."""
        self.faults.append(Fault(method, path, times, **what))

    def posts(self, dag: str) -> list[str]:
        """Requests to start a run, without those that only ask for permission."""
        return [path for method, path in self.requests if method == "START" and f"/dags/{dag}/" in path]

    # Answers

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any, token: str) -> tuple[int, Any]:
        if (method, path) == ("POST", "/auth/token"):
            if not isinstance(body, dict) or (body.get("username"), body.get("password")) != ("ops", PASSWORD):
                return 401, {"detail": "Invalid credentials"}
            self.tokens.add(f"token-{len(self.tokens)}")
            return 201, {"access_token": f"token-{len(self.tokens) - 1}"}
        if not path.startswith("/api/v2/"):
            return 405, {"detail": "Method Not Allowed"}
        if token not in self.tokens:
            return 401, {"detail": "Token Expired"}
        self.accepted_uses -= 1
        if self.accepted_uses == 0:
            self.tokens.clear()
        return self._api(method, [unquote(part) for part in path.split("/")[3:]], query, body)

    def _api(self, method: str, parts: list[str], query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if parts == ["dags"]:
            found = sorted(self.dags)[int(query.get("offset", 0)) :][: min(int(query["limit"]), self.page_size)]
            return 200, {"dags": [{"dag_id": name} for name in found], "total_entries": len(self.dags)}
        dag = self.dags.get(parts[1])
        if dag is None:
            return 404, {"detail": f"Dag with dag_id: '{parts[1]}' not found"}
        match (method, parts[2:]):
            case "GET", ["details"]:
                return 200, self._details(parts[1], dag)
            case "POST", ["dagRuns"]:
                return self._start(parts[1], dag, body)
            case "GET", ["dagRuns", run_id]:
                return self._run(run_id)
            case "PATCH", ["dagRuns", run_id]:
                return self._stop(dag, run_id, body)
            case "GET", ["dagRuns", run_id, "taskInstances"] if run_id in self.runs:
                tasks = [{"task_id": name, "state": state} for name, state in dag.tasks.items()]
                return 200, self._page("task_instances", tasks, query)
            case "GET", ["dagRuns", run_id, "taskInstances", "~", "xcomEntries"] if run_id in self.runs:
                entries = [
                    {"task_id": task, "key": key, "map_index": -1, "timestamp": f"2026-01-01T00:{number:02d}:00Z"}
                    for number, (task, key, _) in enumerate(dag.xcoms)
                ]
                return 200, self._page("xcom_entries", entries[::-1], query)
            case "GET", ["dagRuns", run_id, "taskInstances", task, "xcomEntries", key] if run_id in self.runs:
                values = [value for owner, name, value in dag.xcoms if (owner, name) == (task, key)]
                return (200, {"value": values[-1]}) if values else (404, {"detail": f"XCom entry {key} not found"})
        return 404, {"detail": "Not Found"}

    def _page(self, key: str, items: list[Any], query: Mapping[str, str]) -> dict[str, Any]:
        page = items[int(query["offset"]) :][: min(int(query["limit"]), self.page_size)]
        return {key: page, "total_entries": len(items)}

    def _details(self, name: str, dag: Dag) -> dict[str, Any]:
        usual = {"dag_id": name, "is_paused": False, "is_stale": False, "has_import_errors": False, "tags": []}
        return {**usual, "description": None, "allowed_run_types": None, "params": dag.params, **dag.details}

    def _start(self, name: str, dag: Dag, body: Any) -> tuple[int, Any]:
        if not dag.may_start:
            return 403, {"detail": "Forbidden"}
        if not isinstance(body, dict) or not isinstance(body.get("dag_run_id"), str) or "logical_date" not in body:
            return 422, {"detail": [{"msg": "Input should be a valid dictionary"}]}
        self.requests.append(("START", f"/dags/{name}/{body['dag_run_id']}"))
        if dag.refuses:
            return 400, {"detail": dag.refuses}
        taken = {run.logical_date for run in self.runs.values() if run.dag == name and run.logical_date}
        self.taken_dates -= 1
        if body["dag_run_id"] in self.runs or body["logical_date"] in taken or self.taken_dates >= 0:
            return 409, {"detail": {"reason": "Unique constraint violation", "message": "see the log"}}
        self.runs[body["dag_run_id"]] = DagRun(name, body["dag_run_id"], body["conf"], body["logical_date"])
        return 200, {"dag_run_id": body["dag_run_id"], "state": "queued"}

    def _run(self, run_id: str) -> tuple[int, Any]:
        run = self.runs.get(run_id)
        if run is None:
            return 404, {"detail": f"The DagRun with run_id: `{run_id}` was not found"}
        dag = self.dags[run.dag]
        state = run.state or dag.states[min(run.looks, len(dag.states) - 1)]
        run.looks += 1
        return 200, {"dag_run_id": run_id, "state": state, "duration": dag.duration}

    def _stop(self, dag: Dag, run_id: str, body: Any) -> tuple[int, Any]:
        if not dag.may_stop:
            return 403, {"detail": "Forbidden"}
        if not isinstance(body, dict):
            return 422, {"detail": [{"msg": "Input should be a valid dictionary"}]}
        if run_id not in self.runs:
            return 404, {"detail": "not found"}
        self.runs[run_id].state = body["state"]
        return 200, {"state": body["state"]}


class _Handler(BaseHTTPRequestHandler):
    airflow: FakeAirflow
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.airflow.lock:
            self.airflow.connections.add(self.connection)

    def finish(self) -> None:
        with self.airflow.lock:
            self.airflow.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_GET  # noqa: N815 - as http.server wants it

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _serve(self) -> None:
        fake, parts = self.airflow, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not parts.path.startswith(f"{fake.prefix}/"):
            return self._send(404, "text/plain", "nothing here")
        path = parts.path.removeprefix(fake.prefix)
        fake.on_request(self.command, path)
        with fake.lock:
            fake.requests.append((self.command, path))
            fake.headers.append(dict(self.headers))
            fault = self._fault(path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            if fault is None or fault.handle_first:
                status, body = fake.answer(self.command, path, query, json.loads(raw or b"null"), token)
        if fault is None:
            return self._send(status, "application/json", json.dumps(body))
        if fault.hang:
            fake.released.wait(30)
        if fault.answer is not None:
            return self._send(*fault.answer, headers=fault.headers)
        return self._reset()

    def _fault(self, path: str) -> Fault | None:
        for fault in self.airflow.faults:
            if fault.times > 0 and fault.method == self.command and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def _send(self, status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        """End the connection the hard way, as a broken network does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
