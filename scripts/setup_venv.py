"""Make the virtual environments that `make` works in. Standard library only: nothing is installed yet.

    python3 scripts/setup_venv.py run     .venv with the package and Airflow: enough for `make demo`
    python3 scripts/setup_venv.py dev     the same .venv with the test tools and the database drivers
    python3 scripts/setup_venv.py bench   .venv-bench with the package and what it is compared with

`dev FOLDER CONSTRAINTS` makes it elsewhere and from other versions (scripts/matrix.py).

A stamp inside the environment says what it was made from, so a second call returns at once, and an
environment that was moved or made by another Python is made anew. A lock keeps two calls apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
FAB_REQUIREMENTS = ROOT / "scripts" / "fab-requirements.txt"
BENCH_REQUIREMENTS = ROOT / "scripts" / "bench" / "requirements.txt"
MINIMUM = (3, 10)
FAB_MINIMUM = (3, 11)
FAB_FOLDER = "fab-auth-manager"
BUILD_TOOLS = ("hatchling", "editables")
# It asks for mysqlclient, which has no wheels for Linux; MySqlHook works with mysql-connector-python too.
MYSQL_PROVIDER = "apache-airflow-providers-mysql"
MYSQL_HEADERS = ("libmariadb", "mysqlclient", "mariadb")
COLLECTED_PER_LINE = 40


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Make the environment that the arguments name."""
    if len(arguments) not in (1, 3) or arguments[0] not in ("run", "dev", "bench"):
        print(__doc__)
        return 2
    level, *elsewhere = arguments
    folder, constraints = ROOT / (".venv-bench" if level == "bench" else ".venv"), CONSTRAINTS
    if elsewhere:
        folder, constraints = (Path(each).absolute() for each in elsewhere)
    try:
        check_python()
        with locked(folder.with_name(folder.name + ".lock")):
            prepare(folder, level, constraints)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def check_python() -> None:
    """Refuse a Python that the package does not support."""
    if sys.version_info < MINIMUM:
        found = ".".join(str(part) for part in sys.version_info[:3])
        wanted = ".".join(str(part) for part in MINIMUM)
        raise SetupError(f"Python {wanted} or newer is needed, this is {found}; try `make PYTHON=python3.11 …`")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file; the system releases it even when this process is killed."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows: one call at a time there
        yield
        return
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another setup to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def prepare(folder: Path, level: str, constraints: Path) -> None:
    """Bring the environment to the level, doing only what is missing."""
    levels = {"run": ["run"], "dev": ["run", "dev"], "bench": ["run", "bench"]}[level]
    wanted = fingerprint(constraints)
    missing = [name for name in levels if not stamped(folder, name, wanted)]
    if not missing:
        return
    started = time.monotonic()
    if not usable(folder):
        create(folder)
    for name in missing:
        stamp(folder, name).unlink(missing_ok=True)
        {"run": install_package, "dev": install_tools, "bench": install_compared}[name](folder, constraints)
        stamp(folder, name).write_text(wanted, encoding="utf-8")
    say(f"{folder.name} is ready after {time.monotonic() - started:.0f} s")


def fingerprint(constraints: Path) -> str:
    """What an environment is made from: the declarations, this Python and the place."""
    digest = hashlib.sha256()
    # Below its first tool's section pyproject.toml configures tools and says nothing about what is installed.
    digest.update((ROOT / "pyproject.toml").read_bytes().partition(b"\n[tool.ruff]")[0])
    for path in (constraints, FAB_REQUIREMENTS, BENCH_REQUIREMENTS, Path(__file__)):
        digest.update(path.read_bytes())
    return f"{sys.version_info[0]}.{sys.version_info[1]} {ROOT} {digest.hexdigest()}\n"


def stamp(folder: Path, name: str) -> Path:
    """The file that says which declarations the environment holds."""
    return folder / f".installed-{name}"


def stamped(folder: Path, name: str, wanted: str) -> bool:
    """Whether the environment holds this level, made from the same things."""
    try:
        return stamp(folder, name).read_text(encoding="utf-8") == wanted
    except OSError:
        return False


def python_of(folder: Path) -> Path:
    """The environment's interpreter."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def usable(folder: Path) -> bool:
    """Whether the folder is a working environment of this Python in this place."""
    probe = "import pip, sys; print(sys.version_info[0], sys.version_info[1], sys.prefix, sep='|')"
    try:
        answer = subprocess.run([python_of(folder), "-c", probe], capture_output=True, text=True, check=True)
        home = (folder / "home").read_text(encoding="utf-8").strip()
    except (OSError, subprocess.CalledProcessError):
        return False
    expected = f"{sys.version_info[0]}|{sys.version_info[1]}|{folder}"
    return answer.stdout.strip() == expected and home == str(folder)


def create(folder: Path) -> None:
    """Make an empty environment in place of whatever is there."""
    if Path(sys.prefix).resolve() == folder.resolve():
        raise SetupError(f"{folder.name} must be made anew, but its Python is running: `deactivate` first")
    say(f"making {folder.name} with Python {sys.version_info[0]}.{sys.version_info[1]}")
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        hint = "on Debian and Ubuntu the package python3-venv is needed"
        raise SetupError(f"`{sys.executable} -m venv` failed ({hint}):\n{done.stdout}{done.stderr}")
    (folder / "home").write_text(f"{folder}\n", encoding="utf-8")


def install_package(folder: Path, constraints: Path) -> None:
    """Airflow and this package, editable, with what the demo's embedded SQLite needs."""
    say("installing Airflow and this package (one or two minutes the first time)")
    # Without an isolated build, hatchling has the pinned version too.
    pip(folder, *BUILD_TOOLS, constraints=constraints)
    pip(folder, "--no-build-isolation", "--editable", f"{ROOT}[sqlite]", constraints=constraints)


def install_tools(folder: Path, constraints: Path) -> None:
    """The test tools and the database drivers."""
    say("installing the test tools and the database drivers")
    pip(folder, "--no-build-isolation", "--editable", f"{ROOT}[dev]", constraints=constraints)
    pip(folder, "--no-deps", MYSQL_PROVIDER, constraints=constraints)
    install_mysqlclient(folder, constraints)
    if sys.version_info >= FAB_MINIMUM:
        install_fab(folder, folder / FAB_FOLDER)


def install_fab(folder: Path, target: Path) -> None:
    """The FAB auth manager, in a folder of its own: beside the constraints it cannot be (see its requirements)."""
    shutil.rmtree(target, ignore_errors=True)
    pip(folder, "--no-deps", "--target", str(target), "--requirement", str(FAB_REQUIREMENTS), constraints=None)


def install_mysqlclient(folder: Path, constraints: Path) -> None:
    """MySqlHook's default driver, where it can be compiled; the tests work without it."""
    if not any(has_headers(name) for name in MYSQL_HEADERS):
        say("mysqlclient left out: no MariaDB or MySQL headers here (mysql-connector-python is used)")
        return
    try:
        pip(folder, "mysqlclient", constraints=constraints)
    except SetupError:
        say("mysqlclient left out: it did not compile here (mysql-connector-python is used)")


def has_headers(name: str) -> bool:
    """Whether pkg-config knows the C library."""
    with contextlib.suppress(OSError):
        return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0
    return False


def install_compared(folder: Path, constraints: Path) -> None:
    """The packages that the benchmark compares with; apart, because one of them is an Airflow plugin."""
    say("installing the packages that the benchmark compares with")
    pip(folder, "--requirement", str(BENCH_REQUIREMENTS), constraints=constraints)


def pip(folder: Path, *arguments: str, constraints: Path | None) -> None:
    """`pip install` inside the constraints: now and then a line of progress, everything on failure."""
    command = [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", *(["--constraint", str(constraints)] if constraints else []), *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        if process.stdout is None:
            raise SetupError("pip gave no output")
        output = progress(process.stdout)
    if process.returncode:
        raise SetupError(f"`{' '.join(command[1:])}` failed:\n{output}")


def progress(stream: IO[str]) -> str:
    """Read pip's output and print only its milestones."""
    lines: list[str] = []
    collected = 0
    for line in stream:
        lines.append(line)
        if line.startswith("Collecting "):
            collected += 1
            if collected % COLLECTED_PER_LINE == 0:
                say(f"  {collected} packages found")
        elif line.startswith("Installing collected packages"):
            say(f"  installing {line.count(',') + 1} packages")
    return "".join(lines)


def say(text: str) -> None:
    """A line for the person who waits."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
