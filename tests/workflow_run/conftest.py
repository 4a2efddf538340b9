"""The runner as a program of its own, against a server that can be told to misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow_run.fake_airflow import PASSWORD, FakeAirflow

ROOT = Path(__file__).resolve().parents[2]
LOGIN = ("--username", "ops", "--password-env", "SECRET")


@dataclass(frozen=True)
class Done:
    """What a program printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def with_program(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which ``workflow-run`` is a program; it is put into the folder."""
    folder.mkdir(exist_ok=True)
    program = folder / "workflow-run"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m airflow_workflow_provider.workflow_run "$@"\n')
    program.chmod(0o755)
    return {**env, "PATH": os.pathsep.join([str(folder), env["PATH"]])}


class Runner:
    """``workflow-run`` with a server and a password; ``run`` waits for it, ``start`` does not."""

    def __init__(self, url: str, env: Mapping[str, str] | None = None) -> None:
        self.url = url
        inherited = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
        self.env = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "SECRET": PASSWORD,
            **(env or {}),
        }

    def command(self, *arguments: str, login: Sequence[str] = LOGIN) -> list[str]:
        return [sys.executable, "-m", "airflow_workflow_provider.workflow_run", "--url", self.url, *login, *arguments]

    def run(self, *arguments: str, login: Sequence[str] = LOGIN) -> Done:
        done = subprocess.run(
            self.command(*arguments, login=login),
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=40,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, login: Sequence[str] = LOGIN) -> subprocess.Popen[str]:
        """In a session of its own: a signal to it reaches nobody else."""
        return subprocess.Popen(
            self.command(*arguments, login=login),
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )


@pytest.fixture
def fake() -> Iterator[FakeAirflow]:
    with FakeAirflow() as running:
        yield running


@pytest.fixture
def runner(fake: FakeAirflow) -> Runner:
    return Runner(fake.url)
