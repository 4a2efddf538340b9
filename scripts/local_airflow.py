"""A real Airflow on this machine, for the demo and the system tests.

``LocalAirflow`` starts scheduler, dag processor, triggerer and API server as child processes in a session of
their own and waits until they are healthy; what it can be asked then is in ``airflow_api.py``. Leaving the ``with``
block stops them all; so does the death of the process that started them, however it died.
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
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts import airflow_launcher
from scripts.airflow_answers import iso_time
from scripts.airflow_api import AirflowApi, LocalAirflowError, wait_for
from scripts.airflow_launcher import (
    STOP_SECONDS,
    Component,
    Launch,
    descendants,
    kill_all,
    pid_file,
    tail,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    import httpx
    from typing_extensions import Self

# API and execution API are two processes: each takes seconds of CPU to build, and so they build side by side.
COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api-server": ("api-server", "--apps", "core"),
    "execution-api": ("api-server", "--apps", "execution"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
AUTH_MANAGER: Final = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


class LocalAirflow(AirflowApi):
    """An Airflow that runs the DAGs of one folder, with a metadata database of its own; a context manager.

    Without ``home`` everything it writes is in a temporary folder that ``stop`` removes. ``log_in`` gets a token once
    everything is healthy, where ``env`` sets an auth manager with users. ``environment`` is what ``airflow …`` needs
    to belong to it.
    """

    def __init__(
        self,
        dags_folder: Path,
        *,
        home: Path | None = None,
        sql_alchemy_conn: str | None = None,
        env: Mapping[str, str] | None = None,
        parse_interval: int = 30,
        parallelism: int = 4,
        triggerer: bool = True,
        start_deadline: float = 180.0,
        log_in: Callable[[LocalAirflow], str] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.dags_folder = dags_folder.resolve()
        self.home = home.resolve() if home else Path(tempfile.gettempdir())
        self.url = ""
        self.environment: Mapping[str, str] = {}
        self.startup_seconds: float | None = None
        self._own_home = home is None
        self._sql_alchemy_conn = sql_alchemy_conn
        self._env = dict(env or {})
        self._parse_interval = parse_interval
        self._parallelism = parallelism
        self._triggerer = triggerer
        self._start_deadline = start_deadline
        self._log_in = log_in or (lambda airflow: airflow._call("GET", "/auth/token")["access_token"])
        self._progress = progress or (lambda _message: None)
        self._launcher: subprocess.Popen[bytes] | None = None

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
        shutil.rmtree(self.logs, ignore_errors=True)  # of an earlier start in the same home
        self.logs.mkdir(parents=True)
        ports = free_ports(4)
        self.url = f"http://127.0.0.1:{ports[0]}"
        try:
            plan = self._plan(ports)
            self._launch(plan, ports)
            names = [component.name for component in plan.components]
            self._wait_until_healthy(names, f"http://127.0.0.1:{ports[1]}/execution/health/ping")
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

    def parse_now(self) -> None:
        """The dag processor parses a file that has changed, whenever it has parsed it before."""
        for file in self.dags_folder.glob("*.py"):
            os.utime(file)

    @property
    def metadata(self) -> str:
        """The metadata database, as SQLAlchemy writes it; there once Airflow has started."""
        return self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]

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

    def kill(self, name: str) -> None:
        """Kill a component (``kill -9``) and every process below it; the launcher starts it anew."""
        import psutil

        process = psutil.Process(int(pid_file(self.logs, name).read_text()))
        process.suspend()  # it starts no more
        kill_all([*descendants(process.pid), process])

    def _launch(self, plan: Launch, ports: Sequence[int]) -> None:
        self.environment = self._environment(ports)
        program = str(Path(airflow_launcher.__file__).resolve())
        command = [sys.executable, program, str(self.logs), plan.to_json()]
        with (self.logs / "launcher.log").open("wb") as log:
            self._launcher = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )

    def _plan(self, ports: Sequence[int]) -> Launch:
        """What the launcher is to start."""
        more = {"execution-api": ("--port", str(ports[1]))}
        names = [name for name in COMPONENTS if self._triggerer or name != "triggerer"]
        return Launch([Component(name, (*COMPONENTS[name], *more.get(name, ()))) for name in names])

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
            # A definition that changes twice within 30 seconds is noticed twice.
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
            "CORE__PARALLELISM": self._parallelism,
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": self.home / "bundles",
            "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 1,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": self._parse_interval,
            "DAG_PROCESSOR__REFRESH_INTERVAL": 1,
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

    def _wait_until_healthy(self, names: Sequence[str], execution_ping: str) -> None:
        import httpx

        # A busy machine may take that long for the first answer, and asking again would not be faster.
        self._api = httpx.Client(base_url=self.url, timeout=self._start_deadline, trust_env=False)
        launched = datetime.now(timezone.utc)
        unhealthy = dict.fromkeys(names)

        def check() -> bool:
            if self._launcher is not None and self._launcher.poll() is not None:
                raise LocalAirflowError(f"Airflow did not start.\n{self._all_tails()}")
            for name in self._healthy(list(unhealthy), execution_ping, launched):
                del unhealthy[name]
                self._progress(name)
            return not unhealthy

        try:
            wait_for(check, "Airflow to be healthy", self._start_deadline)
        except LocalAirflowError as error:
            raise LocalAirflowError(f"{error}; waiting for {', '.join(unhealthy)}.\n{self._all_tails()}") from None
        self._client.headers["Authorization"] = f"Bearer {self._log_in(self)}"

    def _healthy(self, names: Sequence[str], execution_ping: str, since: datetime) -> Iterator[str]:
        """Those of the named components that are up."""
        return healthy_components(self._client, execution_ping, names, since)

    def _all_tails(self) -> str:
        return "\n".join(tail(path) for path in sorted(self.logs.glob("*.log")) if path.stat().st_size)


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
