"""Runs a command in a fresh process and measures what it costs, children included."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU (user and system, with its children) and of wall time, and what it printed."""

    cpu: float
    wall: float
    output: str

    @property
    def found(self) -> dict[str, Any]:
        """The JSON object on the last line of the output."""
        result: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return result


class ChildError(RuntimeError):
    """A measured process failed, so there is nothing to report of it."""


def run(command: Sequence[str], env: dict[str, str], *, accept: tuple[int, ...] = (0,)) -> Cost:
    """Run a command to its end; raises ChildError with its output on an unexpected exit code."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdout=out, stderr=err, cwd=env["AIRFLOW_HOME"])
        # wait4: this child's own usage, with the children it waited for. RUSAGE_CHILDREN would sum up all.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        printed = out.read().decode(errors="replace")
        if process.returncode not in accept:
            complaint = err.read().decode(errors="replace")
            raise ChildError(f"{' '.join(command)}: exit {process.returncode}\n{printed[-2000:]}\n{complaint[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, printed)


def python(script: str, *arguments: str) -> list[str]:
    """The command line of one of the `child_*.py` programs of this folder."""
    return [sys.executable, str(HERE / script), *arguments]


def environment(home: Path) -> dict[str, str]:
    """The environment of every measured process: a home of its own, quiet logs, nobody phoned."""
    home.mkdir(parents=True, exist_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "_AIRFLOW_"))}
    for setting in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):  # caches are to be beside the files
        env.pop(setting, None)
    env |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        # dag-factory and blueprint log lines for every DAG; without them they are a little faster.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "true",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    return env


def median(values: Sequence[float]) -> float:
    """The middle value, which one disturbed repeat does not move."""
    return statistics.median(values)


def installed(module: str) -> bool:
    """Whether a top-level module can be imported here."""
    return importlib.util.find_spec(module) is not None


def provider_code() -> dict[str, int]:
    """Every source file of the provider with its time: caches of other code count as stale."""
    return {str(path): path.stat().st_mtime_ns for path in (ROOT / "airflow_workflow_provider").rglob("*.py")}


def progress(text: str) -> None:
    """Say on stderr what is being done, at once."""
    print(f"  {text}", file=sys.stderr, flush=True)
