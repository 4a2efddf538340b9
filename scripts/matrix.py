"""Run the tests that need Airflow, with all its processes, on each Airflow and Python that is supported.

    python3 scripts/matrix.py                      all pairs
    python3 scripts/matrix.py 3.2/3.10 3.3/3.13    some: Airflow/Python

Each pair has an environment of its own in ``.venv-matrix``; its Python is ``python3.N`` on the path, or pyenv's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".venv-matrix"
CONSTRAINTS: Final = {"3.2": ROOT / "constraints-oldest.txt", "3.3": ROOT / "constraints.txt"}
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13")
TESTS: Final = (
    "tests/system",
    "tests/bundles",
    "tests/dags",
    "tests/databases/test_sql_tasks.py",
    "tests/scheduling/test_semantics_on_scheduler.py",
)
"""What runs on Airflow's own code; the rest asks nothing of it."""
PROCESSES: Final = os.environ.get("SYSTEM_PROCESSES", "3")


@dataclass(frozen=True)
class Pair:
    """A release of Airflow and one of Python; ``name`` is ``3.3/3.12``."""

    airflow: str
    python: str

    @property
    def name(self) -> str:
        """As it is written on the command line and in the table."""
        return f"{self.airflow}/{self.python}"

    @property
    def folder(self) -> Path:
        """Its environment."""
        return FOLDER / f"airflow-{self.airflow}-python-{self.python}"


@dataclass(frozen=True)
class Result:
    """What came of a pair: the last line of pytest, or why there was none."""

    pair: Pair
    passed: bool
    words: str
    seconds: float


ALL: Final = tuple(Pair(airflow, python) for airflow in CONSTRAINTS for python in PYTHONS)


def main(arguments: Sequence[str]) -> int:
    """Run the pairs and print a table; 0 if every one of them passed."""
    by_name = {pair.name: pair for pair in ALL}
    unknown = [name for name in arguments if name not in by_name]
    if unknown:
        print(f"matrix: there is no pair {unknown[0]!r}; there are {', '.join(by_name)}", file=sys.stderr)
        return 2
    results = []
    for pair in [by_name[name] for name in arguments] or ALL:
        print(f"matrix: Airflow {pair.airflow}, Python {pair.python}", flush=True)
        results.append(run(pair))
        print(f"matrix: {results[-1].words}", flush=True)
    print("\n".join(table(results)))
    return 0 if all(result.passed for result in results) else 1


def run(pair: Pair) -> Result:
    """Set the pair's environment up and run the tests in it; their whole output is in ``<folder>.log``."""
    started = time.monotonic()
    interpreter = find_python(pair.python)
    if interpreter is None:
        return Result(pair, False, f"there is no Python {pair.python} here", 0)
    FOLDER.mkdir(exist_ok=True)
    setup = [interpreter, "scripts/setup_venv.py", "dev", str(pair.folder), str(CONSTRAINTS[pair.airflow])]
    if subprocess.run(setup, cwd=ROOT, check=False).returncode:
        return Result(pair, False, "its environment cannot be made", time.monotonic() - started)
    log = pair.folder.with_suffix(pair.folder.suffix + ".log")
    python = str(pair.folder / "bin" / "python")
    command = [python, "-m", "pytest", "-q", "-n", PROCESSES, "--dist", "loadfile", "-k", "not many_workflows", *TESTS]
    with log.open("wb") as output:
        code = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
    return Result(pair, code == 0, last, time.monotonic() - started)


def find_python(version: str) -> str | None:
    """An interpreter of that version."""
    for candidate in candidates(version):
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.startswith(f"Python {version}."):
            return candidate
    return None


def candidates(version: str) -> Iterator[str]:
    """Where one may be."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")))


def table(results: Sequence[Result]) -> Iterator[str]:
    """The results as a table of Markdown, as docs/supported-versions.md has it."""
    yield "| Airflow | Python | | Tests | Minutes |"
    yield "|---|---|---|---|---|"
    for each in results:
        sign = "passed" if each.passed else "**failed**"
        cells = [each.pair.airflow, each.pair.python, sign, each.words.strip("= "), f"{each.seconds / 60:.0f}"]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
