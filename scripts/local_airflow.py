"""A real Airflow on this machine, for the demo and the system tests.

``LocalAirflow`` starts scheduler, dag processor, triggerer and API server as child processes in a session of
their own, waits until they are healthy and talks to them over the REST API. Leaving the ``with`` block stops them
all; so does the death of the process that started them, however it died.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from scripts import airflow_launcher
from scripts.airflow_launcher import COMPONENTS, POLL_SECONDS, STOP_SECONDS, descendants, kill_all, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    import httpx
    from typing_extensions import Self

T = TypeVar("T")

AUTH_MANAGER: Final = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
RUN_ENDED: Final = ("success", "failed")
# Each look costs the API server a few hundredths of a second of CPU, which the tasks could use.
RUN_POLL_SECONDS: Final = 0.5


class LocalAirflowError(Exception):
    """Airflow did not start or did not answer as expected; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class DagRun:
    """One run of a DAG."""

    dag_id: str
    run_id: str
    state: str
    conf: Mapping[str, Any]
    note: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of one run; ``state`` is ``None`` until the scheduler has looked at it, ``pid`` without a worker."""

    task_id: str
    state: str | None
    try_number: int
    operator: str | None
    pid: int | None
    started: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class XCom:
    """A value that a task left."""

    task_id: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class DagImportError:
    """A DAG file that Airflow could not import."""

    filename: str
    stack_trace: str


class LocalAirflow:
    """An Airflow that runs the DAGs of one folder, with a metadata database of its own; a context manager.

    Without ``home`` everything it writes is in a temporary folder that ``stop`` removes.
    """

    def __init__(
        self,
        dags_folder: Path,
        *,
        home: Path | None = None,
        sql_alchemy_conn: str | None = None,
        env: Mapping[str, str] | None = None,
        parse_interval: int = 2,
        parallelism: int = 4,
        triggerer: bool = True,
        start_deadline: float = 180.0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.dags_folder = dags_folder.resolve()
        self.home = home.resolve() if home else Path(tempfile.gettempdir())
        self.url = ""
        self.startup_seconds: float | None = None
        self._own_home = home is None
        self._sql_alchemy_conn = sql_alchemy_conn
        self._env = dict(env or {})
        self._parse_interval = parse_interval
        self._parallelism = parallelism
        self._components = [name for name in COMPONENTS if triggerer or name != "triggerer"]
        self._start_deadline = start_deadline
        self._progress = progress or (lambda _message: None)
        self._launcher: subprocess.Popen[bytes] | None = None
        self._api: httpx.Client | None = None

    # Life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start every component; return when all are healthy."""
        started = time.monotonic()
        if self._own_home:
            self.home = Path(tempfile.mkdtemp(prefix="local-airflow-"))
        self.logs.mkdir(parents=True, exist_ok=True)
        ports = free_ports(4)
        self.url = f"http://127.0.0.1:{ports[0]}"
        try:
            self._launch(ports)
            self._wait_until_healthy(f"http://127.0.0.1:{ports[1]}/execution/health/ping")
        except BaseException:
            self.stop()
            raise
        self.startup_seconds = time.monotonic() - started

    def stop(self) -> None:
        """Stop every process that this Airflow started; calling it again does nothing."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._launcher is not None:
            stop_launcher(self._launcher)
            self._launcher = None
        if self._own_home and self.home.name.startswith("local-airflow-"):
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def logs(self) -> Path:
        """Folder with one log file for each component."""
        return self.home / "components"

    def component_log(self, name: str) -> str:
        """What a component (or the ``launcher``) has written so far."""
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait(self) -> None:
        """Return when Airflow ends by itself, which is an error; until then it serves."""
        if self._launcher is not None:
            self._launcher.wait()
            raise LocalAirflowError(f"Airflow ended.\n{self._all_tails()}")

    def process_ids(self) -> list[int]:
        """Every process that runs on behalf of this Airflow."""
        if self._launcher is None:
            return []
        return [self._launcher.pid, *(process.pid for process in descendants(self._launcher.pid))]

    def _launch(self, ports: Sequence[int]) -> None:
        command = [
            sys.executable,
            str(Path(airflow_launcher.__file__).resolve()),
            str(self.logs),
            str(ports[1]),
            *self._components,
        ]
        with (self.logs / "launcher.log").open("wb") as log:
            self._launcher = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(ports),
                start_new_session=True,
            )

    def _environment(self, ports: Sequence[int]) -> dict[str, str]:
        settings: dict[str, object] = {
            "API__BASE_URL": self.url,
            "API__HOST": "127.0.0.1",
            "API__PORT": ports[0],
            "API__SECRET_KEY": secrets.token_hex(32),
            "API__WORKERS": 1,
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "CORE__AUTH_MANAGER": AUTH_MANAGER,
            "CORE__DAGS_FOLDER": self.dags_folder,
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports[1]}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__PARALLELISM": self._parallelism,
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 1,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": self._parse_interval,
            "DAG_PROCESSOR__REFRESH_INTERVAL": self._parse_interval,
            "DATABASE__SQL_ALCHEMY_CONN": self._sql_alchemy_conn or f"sqlite:///{self.home / 'airflow.db'}",
            # Nothing listens here (the API server reads the log files itself); on the defaults another Airflow may.
            "LOGGING__TRIGGER_LOG_SERVER_PORT": ports[2],
            "LOGGING__WORKER_LOG_SERVER_PORT": ports[3],
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,
            "USAGE_DATA_COLLECTION__ENABLED": False,
            # A failed task is reported, and every task's slot free, within this many seconds instead of 5.
            "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
        return {
            **inherited,
            "AIRFLOW_HOME": str(self.home),
            "NO_PROXY": "127.0.0.1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
            **self._env,
        }

    def _wait_until_healthy(self, execution_ping: str) -> None:
        import httpx

        # A busy machine may take that long for the first answer, and asking again would not be faster.
        self._api = httpx.Client(base_url=self.url, timeout=self._start_deadline, trust_env=False)
        launched = datetime.now(timezone.utc)
        unhealthy = dict.fromkeys(self._components)

        def check() -> bool:
            if self._launcher is not None and self._launcher.poll() is not None:
                raise LocalAirflowError(f"Airflow did not start.\n{self._all_tails()}")
            for name in healthy_components(self._client, execution_ping, list(unhealthy), launched):
                del unhealthy[name]
                self._progress(name)
            return not unhealthy

        try:
            wait_for(check, "Airflow to be healthy", self._start_deadline)
        except LocalAirflowError as error:
            raise LocalAirflowError(f"{error}; waiting for {', '.join(unhealthy)}.\n{self._all_tails()}") from None
        token = self._call("GET", "/auth/token")["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _all_tails(self) -> str:
        return "\n".join(tail(path) for path in sorted(self.logs.glob("*.log")) if path.stat().st_size)

    # DAGs

    def dag_ids(self) -> list[str]:
        """Every DAG that the dag processor has found and that is still there."""
        return [dag["dag_id"] for dag in self._list("/api/v2/dags", "dags", exclude_stale=True)]

    def wait_for_dag(self, dag_id: str, deadline: float = 60.0) -> None:
        """Return when a DAG is there; an error tells which files did not import."""
        try:
            wait_for(lambda: dag_id in self.dag_ids(), f"the DAG {dag_id}", deadline)
        except LocalAirflowError as error:
            problems = "\n".join(f"{item.filename}: {item.stack_trace}" for item in self.import_errors())
            raise LocalAirflowError(f"{error}; import errors: {problems or 'none'}") from None

    def wait_for_change(self, dag_id: str, deadline: float = 60.0) -> None:
        """Return when a file that was changed before this call has been parsed: a DAG that is there is the new one."""
        seen: list[str] = []

        def parsed_anew() -> bool:
            parsed = str(self.dag_details(dag_id)["last_parsed_time"])
            if parsed not in seen:
                seen.append(parsed)
            # The one seen first is old, the second may have begun before the change.
            return len(seen) > 2

        wait_for(parsed_anew, f"the changed DAG {dag_id}", deadline)

    def dag_source(self, dag_id: str) -> str:
        """What Airflow shows as the code of a DAG."""
        return str(self._call("GET", f"/api/v2/dagSources/{dag_id}")["content"])

    def dag_details(self, dag_id: str) -> Mapping[str, Any]:
        """Everything the API tells about a DAG (tags, owners, doc_md, params, timetable, …)."""
        details: Mapping[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/details")
        return details

    def import_errors(self) -> list[DagImportError]:
        """Files that do not import, in order of their names."""
        found = self._list("/api/v2/importErrors", "import_errors")
        return sorted((DagImportError(e["filename"], e["stack_trace"]) for e in found), key=lambda e: e.filename)

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Pause or unpause a DAG; only runs of an unpaused DAG start."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

    # Runs

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, *, logical_date: datetime | None = None
    ) -> str:
        """Start a run and return its run_id; unpauses the DAG."""
        self.set_paused(dag_id, paused=False)
        body = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": dict(conf or {})}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """One run as it now is."""
        return dag_run(self._call("GET", run_path(dag_id, run_id)))

    def runs(self, dag_id: str) -> list[DagRun]:
        """All runs of a DAG, the oldest first."""
        return [dag_run(item) for item in self._list(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs")]

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        deadline: float = 120.0,
        progress: Callable[[Sequence[TaskInstance]], None] | None = None,
    ) -> str:
        """The state in which a run ended; ``progress`` gets the tasks at every look."""

        def ended() -> str | None:
            state = self.run(dag_id, run_id).state
            if progress is not None:
                progress(self.task_instances(dag_id, run_id))
            return state if state in RUN_ENDED else None

        try:
            return wait_for(ended, f"the end of {dag_id} {run_id}", deadline, RUN_POLL_SECONDS)
        except LocalAirflowError as error:
            raise LocalAirflowError(f"{error}; its tasks: {self.task_states(dag_id, run_id)}") from None

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The tasks of a run, in order of their names."""
        found = self._list(f"{run_path(dag_id, run_id)}/taskInstances", "task_instances")
        return sorted(map(task_instance, found), key=lambda task: task.task_id)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """The state of every task of a run."""
        return {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}

    def xcoms(self, dag_id: str, run_id: str) -> list[XCom]:
        """Every value that the tasks of a run left, in order of task and key."""
        tasks = f"{run_path(dag_id, run_id)}/taskInstances"
        entries = self._list(f"{tasks}/~/xcomEntries", "xcom_entries")
        names = sorted({(str(entry["task_id"]), str(entry["key"])) for entry in entries})
        return [
            XCom(
                task,
                key,
                self._call("GET", f"{tasks}/{task}/xcomEntries/{key}", params={"deserialize": False})["value"],
            )
            for task, key in names
        ]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one attempt, a line for each message."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        content = self._call("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})[
            "content"
        ]
        return "\n".join(map(log_line, content))

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str], *, downstream: bool = True) -> None:
        """Let tasks run again, and all that depends on them."""
        body = {
            "dag_run_id": run_id,
            "dry_run": False,
            "include_downstream": downstream,
            "only_failed": False,
            "task_ids": list(task_ids),
        }
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    # REST API

    @property
    def _client(self) -> httpx.Client:
        if self._api is None:
            raise LocalAirflowError("this Airflow is not running")
        return self._api

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._client.request(method, path, **arguments)
        if response.is_error:
            raise LocalAirflowError(f"{method} {path} answered {response.status_code}: {response.text}")
        return response.json()

    def _list(self, path: str, key: str, **parameters: Any) -> list[Any]:
        """All pages of a list."""
        items: list[Any] = []
        while True:
            page = self._call("GET", path, params={**parameters, "limit": 100, "offset": len(items)})
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items


def run_path(dag_id: str, run_id: str) -> str:
    """The API's path of a run."""
    from urllib.parse import quote

    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def dag_run(item: Mapping[str, Any]) -> DagRun:
    """A run from the API's JSON."""
    return DagRun(item["dag_id"], item["dag_run_id"], item["state"], item["conf"] or {}, item["note"], item["duration"])


def task_instance(item: Mapping[str, Any]) -> TaskInstance:
    """A task of a run from the API's JSON."""
    started = item["start_date"]
    return TaskInstance(
        task_id=item["task_id"],
        state=item["state"],
        try_number=item["try_number"],
        operator=item["operator_name"] or item["operator"],
        pid=item["pid"],
        started=iso_time(started) if started else None,
        seconds=item["duration"],
    )


def log_line(message: Any) -> str:
    """One message of a task's log, with the exception if it carries one."""
    if isinstance(message, str):
        return message
    causes = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in message.get("error_detail") or []]
    return " ".join([message.get("event", ""), *causes])


def iso_time(text: str) -> datetime:
    """A time as Airflow writes it (Python 3.10 does not read the ``Z``)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def healthy_components(
    client: httpx.Client, execution_ping: str, names: Sequence[str], since: datetime
) -> Iterator[str]:
    """Those of the named components that answer or have sent a heartbeat after ``since``."""
    import httpx

    try:
        # Its first request is the one that builds it: ask before anything else.
        if "execution-api" in names and client.get(execution_ping).is_success:
            yield "execution-api"
        health = client.get("/api/v2/monitor/health").raise_for_status().json()
    except httpx.HTTPError:
        return
    if "api-server" in names:
        yield "api-server"
    for name in names:
        status = health.get(name.replace("-", "_"), {})
        heartbeat = next((value for key, value in status.items() if key.startswith("latest_")), None)
        if status.get("status") == "healthy" and heartbeat and iso_time(heartbeat) >= since:
            yield name


def wait_for(look: Callable[[], T | None], what: str, deadline: float, every: float = POLL_SECONDS) -> T:
    """Look until there is something to see (a true value) and return it."""
    end = time.monotonic() + deadline
    while not (seen := look()):
        if time.monotonic() > end:
            raise LocalAirflowError(f"waited {deadline:.0f} s for {what}")
        time.sleep(every)
    return seen


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on."""
    with contextlib.ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for item in bound:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in bound]


def stop_launcher(launcher: subprocess.Popen[bytes]) -> None:
    """Let the launcher stop its processes; kill them all if it does not."""
    below = descendants(launcher.pid)
    launcher.terminate()
    try:
        launcher.wait(timeout=STOP_SECONDS * 3)
    except subprocess.TimeoutExpired:
        below += descendants(launcher.pid)
        launcher.kill()
        launcher.wait()
    finally:
        if launcher.stdin is not None:
            launcher.stdin.close()
    kill_all([process for process in below if process.is_running()])
