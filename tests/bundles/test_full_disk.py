"""A disk that is full: no half release, and all is well once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_workflow_provider.bundles.errors import BundleError
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import names_in, releases_in, tree
from tests.stores import put, sql_workflow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_former_release_in_use(store: WorkflowStore, small_disk: Path, tmp_path: Path) -> None:
    folder = small_disk / "bundle"
    put(store, sql_workflow("a"))
    releases = releases_in(folder)
    releases.follow(store, lambda: store)
    before = tree(folder / "tracking")
    (small_disk / "other").write_bytes(b"x" * 300_000)
    put(store, *(sql_workflow(f"w{each}", f"SELECT '{'x' * 9000}{each}'") for each in range(80)))
    for _ in range(2):
        with pytest.raises(BundleError, match=r"no release of the workflow store can be written to .*No space left"):
            releases.follow(store, lambda: store)
        with pytest.raises(BundleError, match="No space left"):
            releases.materialise(lambda: store, 2)
        assert releases.tracked() == 1
        assert tree(folder / "tracking") == before
        assert not releases.holds(2)
        assert names_in(folder / "unfinished") == set()
    (small_disk / "other").unlink()
    put(store, *(sql_workflow(f"w{each}") for each in range(80)))
    releases.follow(store, lambda: store)
    fresh = releases_in(tmp_path / "fresh")
    fresh.follow(store, lambda: store)
    assert tree(folder / "tracking") == tree(tmp_path / "fresh/tracking")
