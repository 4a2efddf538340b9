"""The store's database: ten thousand workflows in it, and fifty people who publish at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL

from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.store import schema
from airflow_workflow_provider.store.engine import make_engine
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.publishing import publish
from airflow_workflow_provider.store.records import Actor, Kind, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.submission import Submission
from scripts import databases
from scripts.bench import fresh
from scripts.bench.report import Section

if TYPE_CHECKING:
    from airflow_workflow_provider.store.records import Published

PUBLISHERS = 50
_RULES = Rules(Trust(connections=("*",)), frozenset({"Admin"}))
_PUBLISHER = """
import sys
from sqlalchemy import make_url
from scripts.bench.storing import new_store, put, workflow
store = new_store(make_url(sys.argv[1]))
store.newest_release()
print("ready", flush=True)
sys.stdin.readline()
put(store, workflow("shared", sys.argv[2]), workflow("own_" + sys.argv[2], sys.argv[2]))
"""


def measure(work: Path, env: dict[str, str], count: int, repeats: int) -> Section:
    """Lists and searches on SQLite and PostgreSQL; publishers are whole processes, on PostgreSQL."""
    section = Section(f"The store with {count} workflows")
    work.mkdir(parents=True, exist_ok=True)
    _lists(section, "SQLite", new_store(URL.create("sqlite", database=str(work / "workflows.db"))), count, repeats)
    with _postgres_database() as url:
        _lists(section, "PostgreSQL", new_store(url), count, repeats)
    with _postgres_database() as url:
        _publishers(section, url, env)
    section.notes.append(
        "Wall time. Publishing checks every definition and writes them as one release. The publishers are processes "
        "that wait for each other, then each publishes a new version of the same workflow and a workflow of its own."
    )
    return section


def workflow(name: str, word: str = "") -> Submission:
    """A workflow of three tasks."""
    text = (
        f"workflow: {name}\ndescription: Rows of region {word}\nowner: team_{len(name)}\n"
        f"tags: [nightly, digit_{name[-1]}]\n"
        "schedule: '0 4 * * *'\ndefaults: {connection: warehouse}\ntasks:\n"
        f"  load: {{sql: 'SELECT count(*) FROM rows_{word}', set: found}}\n"
        "  keep: {sql: 'INSERT INTO counts VALUES (:found)', depends_on: load}\n"
        "  tell: {sql: 'INSERT INTO problems VALUES (:run_id)', depends_on: {keep: failure}}\n"
    )
    return Submission(Kind.WORKFLOW, Source(text), f"{name}.workflow.yaml")


def new_store(url: URL) -> WorkflowStore:
    """The store in a database, with its tables."""
    store = WorkflowStore(make_engine(url))
    schema.migrate(store.engine)
    return store


def put(store: WorkflowStore, *submissions: Submission) -> Published:
    """Publish as somebody who may."""
    return publish(store, submissions, Actor("bench", frozenset({"Admin"})), "bench", _RULES)


def _lists(section: Section, database: str, store: WorkflowStore, count: int, repeats: int) -> None:
    submissions = [workflow(f"wf_{number:05}", f"w{number}") for number in range(count)]
    section.add(f"{database}: publish all at once", f"{_once(lambda: put(store, *submissions)):.1f} s")
    changed = iter(range(repeats))
    looks: dict[str, Callable[[], object]] = {
        "publish one change": lambda: put(store, workflow("wf_00007", f"changed_{next(changed)}")),
        "list all": store.definitions,
        "list 50": lambda: store.definitions(limit=50, offset=count // 2),
        "search, few found": lambda: store.definitions(search="wf_00042"),
        "search, a tenth found": lambda: store.definitions(search="nightly digit_7"),
        "the newest release's number": store.newest_release,
        "all of a release, without texts": lambda: store.workflows_of(1),
    }
    for what, look in looks.items():
        taken = fresh.median([_once(look) for _ in range(repeats)])
        section.add(f"{database}: {what}", f"{taken * 1000:.1f} ms")


def _once(look: Callable[[], object]) -> float:
    began = time.perf_counter()
    look()
    return time.perf_counter() - began


def _publishers(section: Section, url: URL, env: dict[str, str]) -> None:
    import subprocess

    store = new_store(url)
    address = url.render_as_string(hide_password=False)
    env = {**env, "PYTHONPATH": str(fresh.ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PUBLISHER, address, str(number)],
            cwd=fresh.ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(PUBLISHERS)
    ]
    with ThreadPoolExecutor(PUBLISHERS) as pool:
        list(pool.map(lambda process: process.stdout and process.stdout.readline(), processes))
        began = time.perf_counter()
        list(pool.map(lambda process: process.communicate(b"\n"), processes))
        taken = time.perf_counter() - began
    lost = PUBLISHERS - len(store.versions(Kind.WORKFLOW, "shared"))
    lost += PUBLISHERS + 1 - len(store.definitions())
    section.add(f"PostgreSQL: {PUBLISHERS} publishers at once, all done after", f"{taken:.2f} s")
    section.at_most(f"PostgreSQL: versions lost by {PUBLISHERS} publishers at once", lost, 0, "")


def _postgres_database() -> AbstractContextManager[URL]:
    return databases.new_database(databases.postgresql(databases.new_name("store")))
