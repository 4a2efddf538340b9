"""``airflow workflows runs`` and ``explain`` where Airflow's database is not there: a sentence, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import ROOT, site_folder


@pytest.mark.parametrize(
    ("command", "database", "problem"),
    [
        (("runs", "w"), "{folder}/airflow.db", "no such table: dag_run"),
        (("explain", "r"), "{folder}/no/such/folder/airflow.db", "unable to open database file"),
    ],
)
def test_no_database_is_a_sentence(tmp_path: Path, command: tuple[str, ...], database: str, problem: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "workflows", *command],
        env={
            **inherited,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database.format(folder=tmp_path)}",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *site_folder(tmp_path)))),
            "NO_COLOR": "1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"error: Airflow's database cannot be read: {problem}; see [database] sql_alchemy_conn, and run airflow db "
        "migrate if it is not set up"
    )
    assert "Traceback" not in done.stderr
