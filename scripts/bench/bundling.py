"""The DAG bundle of the store: releases put on disk, and the time from publishing to a DAG that can be run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from airflow_workflow_provider.bundles.releases import Releases
from scripts.airflow_api import wait_for
from scripts.bench import fresh
from scripts.bench.report import Section
from scripts.bench.storing import new_store, put, workflow
from scripts.local_airflow import LocalAirflow


def measure(work: Path, count: int, repeats: int) -> Section:
    """Folders of a large release, then a real Airflow with a small one."""
    section = Section(f"The store's DAG bundle: releases of {count} workflows, and a real dag processor")
    work.mkdir(parents=True, exist_ok=True)
    _releases(section, work, count, repeats)
    _publishing(section, work / "airflow", repeats)
    section.notes.append(
        "Wall time. The store of the releases is on SQLite, on the same disk; every release has a disk of its own "
        "where it is the first one."
    )
    section.notes.append(
        "The dag processor runs on Airflow's defaults but for `[core] min_serialized_dag_update_interval = 0`: every 5 "
        "seconds it looks whether a bundle is due, and the bundle is due after 5 seconds."
    )
    return section


def _releases(section: Section, work: Path, count: int, repeats: int) -> None:
    store = new_store(URL.create("sqlite", database=str(work / "workflows.db")))
    put(store, *(workflow(f"wf_{number:05}", f"w{number}") for number in range(count)))
    taken: dict[str, list[float]] = {}

    def timed(what: str, work: Callable[[], object]) -> None:
        taken.setdefault(what, []).append(_once(work))

    for repeat in range(repeats):
        first = Releases(str(work / f"processor{repeat}"), nullcontext)
        follow = partial(first.follow, store, lambda: store)
        timed("dag processor, first release", follow)
        timed("dag processor, nothing new", follow)
        number = put(store, workflow("wf_00007", f"changed_{repeat}")).release
        timed("dag processor, after one change", follow)
        worker = Releases(str(work / f"worker{repeat}"), nullcontext)
        timed("worker, first release", partial(worker.materialise, lambda: store, number - 1))
        timed("worker, the next release, one change", partial(worker.materialise, lambda: store, number))
        timed("worker, a release that is there", partial(worker.materialise, lambda: store, number))
        fresh.progress(f"releases {repeat + 1}/{repeats}")
    for what, seconds in taken.items():
        section.add(what, f"{fresh.median(seconds) * 1000:.1f} ms")


def _publishing(section: Section, work: Path, repeats: int) -> None:
    work.mkdir()
    store = new_store(URL.create("sqlite", database=str(work / "workflows.db")))
    new: list[float] = []
    changed: list[float] = []
    (work / "dags").mkdir()
    with LocalAirflow(work / "dags", home=work / "home", env=_environment(work), triggerer=False) as airflow:
        for repeat in range(repeats):
            name = f"published_{repeat}"
            put(store, workflow(name))
            new.append(_once(partial(airflow.wait_for_dag, name)))
            put(store, workflow(name, "changed"))
            changed.append(_once(partial(_wait_for_change, airflow, name)))
            fresh.progress(f"published {repeat + 1}/{repeats}: {new[-1]:.1f} s, changed {changed[-1]:.1f} s")
    for what, seconds in (("a new workflow", new), ("a new version", changed)):
        found = f"{fresh.median(seconds):.1f} s (longest {max(seconds):.1f} s)"
        section.add(f"published to usable in Airflow, {what}", found)


def _environment(work: Path) -> dict[str, str]:
    classpath = "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle"
    bundle = {"name": "workflows", "classpath": classpath, "kwargs": {}}
    connection = {"conn_type": "sqlite", "host": str(work / "workflows.db")}
    return {
        "AIRFLOW_CONN_WORKFLOW_STORE": json.dumps(connection),
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(work / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(fresh.ROOT), os.environ.get("PYTHONPATH")])),
    }


def _wait_for_change(airflow: LocalAirflow, name: str) -> None:
    wait_for(lambda: "Version 2," in str(airflow.dag_details(name)["doc_md"]), f"version 2 of {name}", 120)


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
