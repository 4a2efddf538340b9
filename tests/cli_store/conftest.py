"""``airflow workflows …`` on a real store."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from airflow_workflow_provider.store import settings
from tests import airflow_cli
from tests.stores import DATABASES, new_database

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Result:
    """What a command wrote; what differs from run to run has one name."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[URL]:
    """Each database in turn, empty, as the one of the connection ``workflow_store``."""
    with new_database(request.param, tmp_path) as url:
        connect(url, monkeypatch)
        yield url


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> URL:
    """An empty SQLite store, for what does not depend on the database."""
    url = URL.create("sqlite", database=str(tmp_path / "workflows.db"))
    connect(url, monkeypatch)
    return url


def connect(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = {"postgresql": "postgres"}.get(url.get_backend_name(), url.get_backend_name())
    parts = {"host": url.database} if kind == "sqlite" else {
        "host": url.host, "port": url.port, "login": url.username, "password": url.password, "schema": url.database
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", json.dumps({"conn_type": kind, **parts}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands are called: a copy of the definitions."""
    return Path(shutil.copytree(HERE / "definitions", tmp_path / "work"))


@pytest.fixture
def run(
    folder: Path, airflow_database: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Call ``airflow workflows …`` as the user ann."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(settings, "system_user", lambda: "ann")

    def call(line: str, *arguments: str) -> Result:
        code = airflow_cli.call(line, *arguments)
        captured = capsys.readouterr()
        return Result(code, scrubbed(captured.out), scrubbed(captured.err))

    return call


def scrubbed(text: str) -> str:
    """Without times, digests, plan versions and the address of the store."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<time>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text)
    text = re.sub(r"the workflow store (/\S+?\.db|'workflow_store')", "<store>", text)
    text = re.sub(r'(digest": ")[0-9a-f]{64}', r"\1<digest>", text)
    return re.sub(r'((?<!^)version "?|"version": ")[0-9a-f]{12}\b', r"\1<version>", text)


def compare(name: str, text: str) -> None:
    """With a golden file; ``UPDATE_GOLDEN=1`` writes it."""
    file = HERE / "golden" / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def transcript(run: Run, *lines: str) -> str:
    """What somebody sees who types these, one after the other."""
    seen = []
    for line in lines:
        done = run(line)
        code = f"exit code {done.code}\n" if done.code else ""
        seen.append(f"$ airflow workflows {line}\n{done.out}{done.err}{code}")
    return "\n".join(seen)
