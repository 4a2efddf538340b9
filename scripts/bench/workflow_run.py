"""`workflow-run`: how soon it is there, beside the one library that it cannot do without."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.bench import fresh
from scripts.bench.report import Section

LIMIT = 2.0  # times `import httpx`
_PROGRAM = "airflow_workflow_provider.workflow_run"
_NOWHERE = ("--url", "http://127.0.0.1:9", "--username", "u", "--password-env", "SECRET", "--phase", "a")
_TIMEOUT = 7


def measure(env: dict[str, str], repeats: int) -> Section:
    """Whole processes in turn, more often than other parts: each takes a fraction of a second."""
    section = Section("Start of `workflow-run`, against `import httpx`")
    library = (sys.executable, "-c", "import httpx")
    shown = (sys.executable, "-m", _PROGRAM, "--version")
    whole = (sys.executable, "-m", _PROGRAM, *_NOWHERE, "--timeout", "0.001s")
    env = {**env, "SECRET": "secret"}
    costs: dict[Sequence[str], list[float]] = {library: [], shown: [], whole: []}
    for _ in range(3 * repeats + 1):
        for command, walls in costs.items():
            walls.append(fresh.run(command, env, accept=(0, _TIMEOUT)).wall)
    # The first round wrote the byte code.
    base, version, ready = (fresh.median(walls[1:]) for walls in costs.values())
    section.add("`import httpx`, wall time", f"{base * 1000:.0f} ms")
    section.add("`workflow-run --version`, wall time", f"{version * 1000:.0f} ms")
    section.add("`workflow-run` until its first request, wall time", f"{ready * 1000:.0f} ms")
    section.at_most("`workflow-run --version`: to `import httpx`", version / base, LIMIT, "x")
    section.at_most("`workflow-run` until its first request: to `import httpx`", ready / base, LIMIT, "x")
    section.notes.append("Whole processes, start of Python included; the timeout ends it before the first request.")
    return section
