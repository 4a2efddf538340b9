"""``airflow workflows …``: the same commands, found by the real Airflow, which knows about operators too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.command_list import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "cli"


class Airflow:
    """The ``airflow`` program with a home of its own."""

    def __init__(self, home: Path) -> None:
        self._path = [ROOT, *([] if _is_installed() else [_as_if_installed(home)])]
        self._environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": os.pathsep.join(map(str, self._path)),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def __call__(self, *arguments: str, folder: Path = GOLDEN) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            cwd=folder,
            env=self._environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )


def _is_installed() -> bool:
    return any(
        each.value.startswith("airflow_workflow_provider.") for each in entry_points(group="apache_airflow_provider")
    )


def _as_if_installed(home: Path) -> Path:
    """A folder with the package's entry point, for environments that only have it on their path."""
    folder = home / "site"
    info = folder / "airflow_workflow_provider-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: airflow-workflow-provider\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(
        "[apache_airflow_provider]\nprovider_info = airflow_workflow_provider.provider_info:get_provider_info\n"
    )
    return folder


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


def test_lists_the_commands(airflow: Airflow) -> None:
    done = airflow("workflows", "--help")
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert re.search(rf"^ +{command.name} +{re.escape(command.help)}$", done.stdout, re.MULTILINE)


def test_help_is_not_taken_for_markup(airflow: Airflow) -> None:
    done = airflow("workflows", "validate", "--help")
    assert done.returncode == 0, done.stderr
    assert "`airflow workflows validate` also imports the operators" in done.stdout


def test_validates_operators_too(airflow: Airflow, tmp_path: Path) -> None:
    (tmp_path / "my_operators.py").write_text(
        "from airflow.sdk import BaseOperator\n"
        "class GreetOperator(BaseOperator):\n"
        "    def __init__(self, *, name, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.name = name\n"
    )
    (tmp_path / "operators.workflow.yaml").write_text(
        "workflow: operators\ntasks:\n  good: {operator: my_operators.GreetOperator, arguments: {name: x}}\n"
    )
    refused = "workflow: refused\ntasks:\n  a: {operator: my_operators.GreetOperator, arguments: {nam: x}}\n"
    (tmp_path / "refused.workflow.yaml").write_text(refused)
    missing = "workflow: missing\ntasks:\n  a:\n    operator: my_operators.GretOperator\n"
    (tmp_path / "missing.workflow.yaml").write_text(missing)
    done = airflow("workflows", "validate", ".", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "missing.workflow.yaml:4:15: error: tasks.a.operator: 'my_operators' has no 'GretOperator'; "
        "did you mean 'GreetOperator'? [operator]"
    )
    assert lines[1].startswith(
        "refused.workflow.yaml:3:17: error: tasks.a.operator: GreetOperator refuses the arguments: "
    )
    assert len(lines) == 2
    assert done.stderr.splitlines()[-1] == "2 errors in 2 of 3 files"


def test_prints_the_same_as_without_airflow(airflow: Airflow) -> None:
    done = airflow("workflows", "simulate", "definitions/campaign.workflow.yaml", "--skip", "find-campaign", "--json")
    assert done.returncode == 0, done.stderr
    expected = (GOLDEN / "expected" / "simulate_skip.json").read_text(encoding="utf-8")
    assert re.sub(r'"version": "[0-9a-f]{12}"', '"version": "<version>"', done.stdout) == expected


def test_exit_codes_reach_the_shell(airflow: Airflow) -> None:
    done = airflow("workflows", "show", "nowhere.workflow.yaml")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: there is no file or folder 'nowhere.workflow.yaml'"


def test_publishes_into_the_store_of_its_home_and_shows_what_is_there(airflow: Airflow, tmp_path: Path) -> None:
    file = tmp_path / "hello.workflow.yaml"
    file.write_text("workflow: hello\ntasks: {greet: {sql: SELECT 1, connection: shop_db}}\n")
    done = airflow("workflows", "publish", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["versions"][0]["name"] == "hello"
    state = airflow("workflows", "db", "check", "--json")
    assert (state.returncode, json.loads(state.stdout)["current"]) == (0, True), state.stderr
    shown = airflow("workflows", "show", "hello")
    assert shown.stdout.startswith("hello  version "), shown.stderr
