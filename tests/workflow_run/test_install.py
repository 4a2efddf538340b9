"""Without Airflow: the commands of docs/workflow-run.md make an environment in which it runs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import venv
from pathlib import Path

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.docs.pages import ALL_BLOCKS
from tests.workflow_run.conftest import ROOT, Runner
from tests.workflow_run.fake_airflow import PASSWORD, Dag, FakeAirflow
from tests.workflow_run.remote_systems import KINDS, System


def documented_commands() -> list[str]:
    [block] = [
        block
        for block in ALL_BLOCKS
        if block.page == "docs/workflow-run.md" and block.language == "sh" and "--no-deps" in block.text
    ]
    return block.text.splitlines()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of a new environment after the documented commands, given in a clone."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    scripts = folder / "bin"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {
        "PATH": os.pathsep.join([str(scripts), env["PATH"]]),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for command in documented_commands():
        done = subprocess.run(command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return scripts


def test_the_documented_packages_are_those_of_the_extra() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extra = re.search(r"^workflow-run = (\[.*\])$", project, flags=re.MULTILINE)
    assert extra is not None
    assert re.findall(r'"([^"]+)"', documented_commands()[0]) == ast.literal_eval(extra[1])


def test_it_runs_where_there_is_no_airflow(bare: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    probe = (
        "import airflow_workflow_provider.workflow_run\n"
        "from importlib.util import find_spec\n"
        "print(find_spec('airflow'), find_spec('yaml'))\n"
    )
    shown = subprocess.run([bare / "python", "-c", probe], env=env, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["None", "None"]
    with FakeAirflow() as fake:
        params = {"rows": {"value": 3, "schema": {"type": ["integer", "null"]}}}
        fake.dags = {"wf": Dag(params=params), "next": Dag()}
        command = [str(bare / "workflow-run"), *Runner(fake.url).command()[3:]]
        arguments = ["--phase", "wf", "--phase", "next", "--variable", "rows=4", "--expect", "wf:rows == 4"]
        done = subprocess.run(
            [*command, *arguments], env={**env, "SECRET": PASSWORD}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert fake.posts("next")


def test_the_other_targets_run_there_too(bare: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    account, studio = IntegrateIo(), Aperture()
    with account.served, studio.served:
        for kind in KINDS:
            system = System(kind, studio, account)
            system.add("wf")
            command = [str(bare / "workflow-run"), *system.runner.command("--phase", "wf", login=system.login)[3:]]
            command += ["--expect", "duration >= 0", "--variable", "region=EU"]
            done = subprocess.run(command, env={**env, "KEY": system.key}, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            if kind == "v1":  # the same installation serves v2
                studio.workflows.clear()
        assert (len(studio.jobs), len(account.jobs)) == (2, 1)


def test_its_help_is_there(bare: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    shown = subprocess.run([bare / "workflow-run", "--help"], env=env, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("usage: workflow-run")
