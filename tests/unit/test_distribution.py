"""The wheel, built and installed for real: what a user gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "airflow_workflow_provider"
HEAVY = ("airflow", "jinja2", "pydantic", "sqlalchemy", "yaml")
PROVIDER = "airflow-workflow-provider"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """The output of a command that must succeed, away from this checkout and its PYTHONPATH."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    return python


def test_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {PACKAGE}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*.py")}
    assert modules <= names
    assert f"{PACKAGE}/py.typed" in names
    assert not {name for name in names if "__pycache__" in name}


def test_says_what_it_is(python: Path) -> None:
    probe = """
import importlib.metadata, json
found = importlib.metadata.metadata("airflow-workflow-provider")
print(json.dumps([found["License-Expression"], found["Requires-Python"], found.get_all("License-File")]))
"""
    assert json.loads(run(python, "-c", probe, cwd=python.parent)) == ["Apache-2.0", ">=3.10", ["LICENSE"]]


def test_entry_point_answers_without_airflow(python: Path) -> None:
    probe = """
import importlib.metadata, json
[point] = importlib.metadata.entry_points(group="apache_airflow_provider")
print(json.dumps([point.name, point.load()()["package-name"]]))
"""
    assert json.loads(run(python, "-c", probe, cwd=python.parent)) == ["provider_info", PROVIDER]


def test_import_loads_nothing_heavy(tmp_path: Path) -> None:
    # In the environment of the tests, where the heavy modules could be imported.
    probe = f"""
import json, sys
import {PACKAGE}
print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))
"""
    assert json.loads(run(sys.executable, "-c", probe, cwd=tmp_path, PYTHONPATH=str(ROOT))) == []


def test_airflow_shows_the_installed_provider(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    shown = run(
        sys.executable,
        "-m",
        "airflow",
        "providers",
        "get",
        PROVIDER,
        "--full",
        "--output",
        "json",
        cwd=tmp_path,
        PYTHONPATH=str(site),
        AIRFLOW_HOME=str(tmp_path / "home"),
    )
    [provider] = json.loads(shown[shown.index("[") :])
    assert provider["package-name"] == PROVIDER
    assert provider["cli"] == [f"{PACKAGE}.cli.provider.get_workflows_cli_commands"]


def test_airflow_gains_the_workflows_command(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    home = str(tmp_path / "home")
    command = (sys.executable, "-m", "airflow", "workflows", "--help")
    assert "validate" in run(*command, cwd=tmp_path, PYTHONPATH=str(site), AIRFLOW_HOME=home)
