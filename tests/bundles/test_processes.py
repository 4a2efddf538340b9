"""Many processes at once, and processes that are killed in the middle."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_workflow_provider.bundles.releases import Releases
from airflow_workflow_provider.bundles.sweeping import sweep
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import names_in, releases_in, tree
from tests.bundles.processes import ended, go, run, start
from tests.stores import bash_package, calling_workflow, put, sql_workflow


@pytest.fixture
def expected(store: WorkflowStore, tmp_path: Path) -> dict[int, dict[str, bytes]]:
    """What each of three releases of some 20 workflows is, made from nothing."""
    put(store, bash_package("p"), calling_workflow("caller", "p"), *(sql_workflow(f"w{each}") for each in range(16)))
    put(store, sql_workflow("w1", "SELECT 2"), sql_workflow("new"))
    put(store, bash_package("p", "false"), sql_workflow("w2", "SELECT 3"))
    found = {}
    for number in range(1, 4):
        releases_in(tmp_path / f"expected{number}").materialise(lambda: store, number)
        found[number] = tree(tmp_path / f"expected{number}/versions/{number}")
    return found


def test_twenty_processes_at_once_make_each_release_once(
    store: WorkflowStore, expected: dict[int, dict[str, bytes]], folder: Path
) -> None:
    def job(*wanted: int) -> Callable[[], None]:
        def work() -> None:
            releases = releases_in(folder)
            for number in wanted:
                releases.materialise(lambda: store, number)
            releases.follow(store, lambda: store)

        return work

    jobs = [job(), job(1), job(2), job(3), job(3, 1)] * 4
    processes = [start(work) for work in jobs]
    for process in processes:
        go(process)
    assert [ended(process) for process in processes] == [0] * 20
    for number, files in expected.items():
        assert tree(folder / f"versions/{number}") == files
    assert tree(folder / "tracking") == expected[3]
    assert names_in(folder / "unfinished") == set()
    assert len(names_in(folder / "current")) == 1


def test_killed_at_any_moment_leaves_nothing_half_done(
    expected: dict[int, dict[str, bytes]], store: WorkflowStore, tmp_path: Path
) -> None:
    """From an empty disk to the third release, killed before every so-manieth call that changes something."""
    moment, killed = 1, 0
    while True:
        folder = tmp_path / f"killed{moment}"
        releases = releases_in(folder)

        def work(releases: Releases = releases) -> None:
            releases.materialise(lambda: store, 1)
            releases.follow(store, lambda: store)
            releases.materialise(lambda: store, 2)

        code = run(work, die_at=moment)
        for number, files in expected.items():
            if releases.layout.version(number) in releases.layout.release_paths():
                assert tree(folder / f"versions/{number}") == files
        if releases.tracked() is not None:
            assert tree(folder / "tracking") == expected[releases.tracked() or 0]
        for number, files in expected.items():
            releases.materialise(lambda: store, number)
            assert tree(folder / f"versions/{number}") == files
        releases.follow(store, lambda: store)
        assert tree(folder / "tracking") == expected[3]
        assert names_in(folder / "unfinished") == set()
        shutil.rmtree(folder)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        moment += 1 if moment < 12 else 17
    assert killed > 15


def test_killed_while_sweeping_leaves_every_release_whole(
    expected: dict[int, dict[str, bytes]], store: WorkflowStore, folder: Path
) -> None:
    releases = releases_in(folder)
    for moment in range(1, 40):
        for number in expected:
            releases.materialise(lambda: store, number)
        releases.follow(store, lambda: store)
        shutil.rmtree(folder / "versions/2")
        run(lambda: sweep(releases.layout), die_at=moment)
        for number in (1, 3):
            assert releases.holds(number)
            assert tree(folder / f"versions/{number}") == expected[number]
        releases.materialise(lambda: store, 2)
        assert tree(folder / "versions/2") == expected[2]
