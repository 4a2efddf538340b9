"""The parent of a local Airflow's processes: imports Airflow once and forks the components.

Importing is most of what a component does while it starts. ``scripts.local_airflow`` runs this file as a program, in
a session of its own; it ends, and leaves no process behind, when its stdin ends, a signal comes or a component exits
by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType
    from typing import NoReturn

    import psutil

POLL_SECONDS: Final = 0.2
STOP_SECONDS: Final = 3.0
TAIL_LINES: Final = 25
LOG_FLAGS: Final = os.O_CREAT | os.O_APPEND | os.O_WRONLY


@dataclass(frozen=True, slots=True)
class Component:
    """One long-running ``airflow …``.

    With an ``environment`` of its own, beside everybody's, it shares no memory with the launcher either.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start; ``before`` and ``after`` are programs that run before the first process and after the last."""

    components: Sequence[Component]
    before: Sequence[str] = ()
    after: Sequence[str] = ()

    def to_json(self) -> str:
        """The launcher's second argument."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Launch:
        """The launcher's second argument, read."""
        data = json.loads(text)
        return Launch(**{**data, "components": [Component(**item) for item in data["components"]]})


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below a process; none if it is gone."""
    import psutil

    try:
        below: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return below


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Kill processes that are still there and wait until they are gone."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=STOP_SECONDS)


def tail(path: Path) -> str:
    """The last lines of a log file, under its name."""
    lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"--- {path}", *lines])


class _StopLauncher(BaseException):
    """A signal asked the launcher to stop."""


def launch(logs: Path, plan: Launch) -> int:
    """Run the components until stdin ends, a signal comes or one of them exits by itself; leave no process behind."""
    signal.signal(signal.SIGTERM, _raise_stop)
    adopt_orphans()
    running: dict[int, Component] = {}
    try:
        run_program(plan.before)
        import_airflow()
        migration = start_airflow(["db", "migrate"], logs / "db-migrate.log")
        wait_for_migration(migration, logs / "db-migrate.log")
        for component in plan.components:
            running[start_component(component, logs)] = component
        watch(running, logs)
    except _StopLauncher:
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop_components(list(running))
        run_program(plan.after)
    return 1


def run_program(command: Sequence[str]) -> None:
    """Run a program to its end, if there is one; when it fails, so does the launcher."""
    if command and (code := subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode):
        raise SystemExit(f"{' '.join(command)} exited with {code}")


def _raise_stop(_signal: int, _frame: FrameType | None) -> None:
    raise _StopLauncher


def adopt_orphans() -> None:
    """Make processes whose parent dies children of this one (Linux), so that stopping finds them all."""
    if sys.platform == "linux":
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def forks() -> bool:
    """Whether components are forked from this process; macOS does not bear a fork after such imports."""
    return sys.platform != "darwin"


def import_airflow() -> None:
    """Import what every component needs and settle it in memory, before they are forked."""
    if not forks():
        return
    import gc

    gc.disable()
    import airflow.cli.cli_parser
    import airflow.dag_processing.manager
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner

    airflow.cli.cli_parser.get_parser()
    # What is there now stays: the collectors of the children need not look at it again.
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, 20, 20)


def start_component(component: Component, logs: Path) -> int:
    """Start a component with a log file of its own, beside it a file with its process id; returns the id."""
    pid = start_airflow(component.arguments, logs / f"{component.name}.log", component.environment)
    pid_file(logs, component.name).write_text(str(pid))
    return pid


def pid_file(logs: Path, name: str) -> Path:
    """Where the process id of a component is written."""
    return logs / f"{name}.pid"


def start_airflow(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> int:
    """Start ``airflow …`` with its output at the end of a file and return its process id."""
    if environment or not forks():
        command = [sys.executable, "-m", "airflow", *arguments]
        output = (os.POSIX_SPAWN_OPEN, 1, str(log), LOG_FLAGS, 0o644)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        files = [nothing, output, (os.POSIX_SPAWN_DUP2, 1, 2)]
        return os.posix_spawn(sys.executable, command, {**os.environ, **(environment or {})}, file_actions=files)
    pid = os.fork()
    if pid == 0:
        run_forked(arguments, log)
    return pid


def run_forked(arguments: Sequence[str], log: Path) -> NoReturn:
    """Be ``airflow …`` in a forked process."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(log, LOG_FLAGS, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["airflow", *arguments]
        from airflow.__main__ import main

        main()  # type: ignore[no-untyped-call]
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - nothing above this frame may go on in the fork
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def wait_for_migration(pid: int, log: Path) -> None:
    """Return when the metadata database has its tables: every component refuses to start before."""
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise SystemExit(f"airflow db migrate failed\n{tail(log)}")


def watch(running: dict[int, Component], logs: Path) -> None:
    """Return when stdin ends or a component exits by itself; reaps adopted processes on the way.

    A component that somebody killed (``kill -9``) is started anew, as whatever supervises it in production would.
    """
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 1):
            raise _StopLauncher
        for pid, status in ended_children():
            component = running.pop(pid, None)
            if component is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            print(f"{component.name} exited with {code}", flush=True)
            if code != -signal.SIGKILL:
                return
            running[start_component(component, logs)] = component


def ended_children() -> Iterator[tuple[int, int]]:
    """Children that have ended since the last look, with their wait status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def stop_components(pids: Sequence[int]) -> None:
    """Ask the components to stop; kill whatever is left of this process' descendants after a while."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while descendants(os.getpid()) and time.monotonic() < end:
        list(ended_children())
        time.sleep(POLL_SECONDS / 4)
    # Killing a process may give this one new children: those that it had.
    while left := descendants(os.getpid()):
        kill_all(left)
        list(ended_children())


if __name__ == "__main__":
    # Python puts the folder of this file first; its neighbours must not hide modules of that name.
    sys.path.pop(0)
    raise SystemExit(launch(Path(sys.argv[1]), Launch.from_json(sys.argv[2])))
