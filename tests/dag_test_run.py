"""Definitions run by ``dag.test()``: real task runner, real XComs, real databases, in this process."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

LOADER = """# airflow dag
from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
"""
_numbers = count()


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its state, the states of its tasks, the values that they set."""

    run_id: str
    state: str
    states: Mapping[str, str]
    xcoms: Mapping[tuple[str, str], Any]


def run_definition(files: Mapping[str, str], conf: Mapping[str, Any] | None = None) -> FinishedRun:
    """Put the files into a DAG folder of their own, load it and run its (one) workflow."""

    def fill(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    return run_folder(fill, None, conf)


def run_folder(
    fill: Callable[[Path], object],
    dag_id: str | None,
    conf: Mapping[str, Any] | None = None,
    file: str | None = None,
) -> FinishedRun:
    """Let ``fill`` fill a DAG folder, load it and run the workflow of that name (or the only one).

    ``file``: the DAG file that it has put there; else one that loads the folder's definitions.
    """
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.settings import DAGS_FOLDER

    folder = Path(DAGS_FOLDER) / f"run_{next(_numbers)}"
    folder.mkdir(parents=True)
    try:
        fill(folder)
        loader = folder / (file or "load.py")
        if file is None:
            loader.write_text(LOADER)
        bag = BundleDagBag(dag_folder=loader, bundle_path=Path(DAGS_FOLDER), bundle_name="dags-folder")
        assert not bag.import_errors
        dag = bag.dags[dag_id] if dag_id else next(iter(bag.dags.values()))
        return _finished(dag.test(run_conf=dict(conf or {})))
    finally:
        shutil.rmtree(folder)
        importlib.invalidate_caches()
        sys.modules.pop("load", None)


def _finished(run: Any) -> FinishedRun:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id, XComModel.dag_id == run.dag_id))
        xcoms = {(row.task_id, row.key): row.value for row in rows}
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances(session=session)}
    return FinishedRun(run.run_id, str(run.state), states, xcoms)
