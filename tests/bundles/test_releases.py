"""Releases become folders: whole, shared where nothing changed, and asking the store for what is new only."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import URL

from airflow_workflow_provider.bundles.errors import BundleError, OtherStoreError
from airflow_workflow_provider.bundles.releases import Releases
from airflow_workflow_provider.bundles.sweeping import KEPT_SECONDS, sweep
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.publishing import activate, archive
from airflow_workflow_provider.store.records import Kind
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import AskedStore, constants, dag_file, modes, names_in, releases_in, tree
from tests.stores import ANN, RULES, bash_package, calling_workflow, new_store, put, sql_workflow

MANY = [f"w{number}" for number in range(300)]


def follow(releases: Releases, store: AskedStore | WorkflowStore) -> tuple[str, ...]:
    return releases.follow(store, lambda: store).changed


def texts(folder: Path) -> dict[str, object]:
    return {str(each["WORKFLOW"]["name"]): each["DEFINITION"] for each in all_constants(folder)}  # type: ignore[index]


def all_constants(folder: Path) -> list[dict[str, object]]:
    return [constants(folder / path) for path in tree(folder)]


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file of the file system each one is, and when it was last written."""
    found = {path: (folder / path).stat() for path in tree(folder)}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}


def test_before_anything_is_published_there_is_an_empty_release(
    releases: Releases, store: WorkflowStore, folder: Path
) -> None:
    assert releases.tracked() is None
    follow(releases, store)
    assert releases.tracked() == 0
    assert tree(folder / "tracking") == {}


def test_the_newest_release_has_one_file_for_each_workflow(
    releases: Releases, store: WorkflowStore, folder: Path
) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"), bash_package("p"), calling_workflow("c", "p"))
    follow(releases, store)
    assert releases.tracked() == 1
    assert texts(folder / "tracking") == {
        "a": sql_workflow("a"),
        "b": sql_workflow("b"),
        "c": calling_workflow("c", "p"),
    }
    assert constants(dag_file(folder / "tracking", "c"))["PACKAGES"] == {
        "p": {"format": "yaml", "text": bash_package("p"), "files": {}}
    }


def test_every_release_can_be_had_beside_the_others(releases: Releases, store: WorkflowStore, folder: Path) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    put(store, sql_workflow("a", "SELECT 2"))
    archive(store, Kind.WORKFLOW, ["b"], ANN, "", RULES)
    for number in (2, 0, 3, 1):
        releases.materialise(lambda: store, number)
    both = {"a": sql_workflow("a"), "b": sql_workflow("b")}
    assert texts(folder / "versions/1") == both
    assert texts(folder / "versions/2") == {**both, "a": sql_workflow("a", "SELECT 2")}
    assert texts(folder / "versions/3") == {"a": sql_workflow("a", "SELECT 2")}
    assert texts(folder / "versions/0") == {}


def test_a_release_on_disk_asks_no_store(releases: Releases, store: WorkflowStore) -> None:
    put(store, sql_workflow("a"))
    releases.materialise(lambda: store, 1)
    releases.materialise(lambda: pytest.fail("the store was opened"), 1)


def test_after_one_change_only_that_is_asked_for_and_written(
    releases: Releases, asked: AskedStore, folder: Path
) -> None:
    put(asked.store, *map(sql_workflow, MANY))
    follow(releases, asked)
    before = stamps(folder / "tracking")
    shards = names_in(folder / "shards")
    put(asked.store, sql_workflow("w7", "SELECT 2"))
    asked.forget()
    assert follow(releases, asked) == (os.path.relpath(dag_file(folder, "w7"), folder),)
    assert asked.asked == ["newest", "newest", "changes 1 2", "sources"]
    assert asked.texts == ["w7 2"]
    assert len(names_in(folder / "shards") - shards) == 1
    after = stamps(folder / "tracking")
    assert {path for path in after if after[path] != before[path]} == {os.path.relpath(dag_file(folder, "w7"), folder)}


def test_when_nothing_changed_one_question_is_all(releases: Releases, asked: AskedStore) -> None:
    put(asked.store, sql_workflow("a"))
    follow(releases, asked)
    asked.asked.clear()
    follow(releases, asked)
    assert asked.asked == ["newest"]


def test_only_a_package_changed_and_no_workflow_is_fetched(releases: Releases, asked: AskedStore, folder: Path) -> None:
    put(asked.store, bash_package("p"), *(calling_workflow(name, "p") for name in MANY[:50]), sql_workflow("other"))
    follow(releases, asked)
    put(asked.store, bash_package("p", "false"))
    asked.texts.clear()
    assert len(follow(releases, asked)) == 50
    assert asked.texts == ["p 2"]
    assert bash_package("p", "false") in dag_file(folder / "tracking", "w3").read_text()


def test_a_roll_back_fetches_nothing_and_its_files_look_new(
    releases: Releases, asked: AskedStore, folder: Path
) -> None:
    put(asked.store, sql_workflow("a"), sql_workflow("b"))
    follow(releases, asked)
    for name in ("a", "b"):
        os.utime(dag_file(folder / "tracking", name), (1, 1))
    put(asked.store, sql_workflow("a", "SELECT 2"))
    follow(releases, asked)
    activate(asked.store, Kind.WORKFLOW, "a", 1, ANN, "", RULES)
    asked.texts.clear()
    began = time.time() - 1
    follow(releases, asked)
    assert asked.texts == []
    assert dag_file(folder / "tracking", "a").stat().st_mtime >= began
    assert dag_file(folder / "tracking", "b").stat().st_mtime == 1
    assert texts(folder / "tracking")["a"] == sql_workflow("a")


def test_a_worker_derives_a_release_from_the_nearest_one(releases: Releases, asked: AskedStore) -> None:
    put(asked.store, *map(sql_workflow, MANY[:20]))
    for number in range(2, 8):
        put(asked.store, sql_workflow("w0", f"SELECT {number}"))
    releases.materialise(lambda: asked, 1)
    releases.materialise(lambda: asked, 6)
    asked.forget()
    releases.materialise(lambda: asked, 5)
    assert asked.asked == ["changes 6 5", "sources"]
    assert asked.texts == ["w0 5"]


def test_the_newest_release_is_there_for_workers_of_this_disk_without_a_store(
    releases: Releases, store: WorkflowStore, folder: Path
) -> None:
    put(store, sql_workflow("a"))
    follow(releases, store)
    releases.materialise(lambda: pytest.fail("the store was opened"), 1)
    assert tree(folder / "versions/1") == tree(folder / "tracking")


def test_a_release_that_is_not_in_the_store_is_an_error(releases: Releases, store: WorkflowStore, folder: Path) -> None:
    with pytest.raises(NotFoundError, match="has no release 7; its newest is 0"):
        releases.materialise(lambda: store, 7)
    assert not (folder / "versions/7").exists()


def test_folders_of_two_stores_are_never_mixed(releases: Releases, store: WorkflowStore, tmp_path: Path) -> None:
    put(store, sql_workflow("a"))
    follow(releases, store)
    (tmp_path / "other").mkdir()
    other = new_store(URL.create("sqlite", database=str(tmp_path / "other/workflows.db")))
    put(other, sql_workflow("b"))
    put(other, sql_workflow("c"))
    with pytest.raises(OtherStoreError, match="holds releases of another workflow store; give this bundle a name"):
        follow(releases, other)
    with pytest.raises(OtherStoreError):
        releases.materialise(lambda: other, 2)
    assert releases.tracked() == 1


def test_another_store_with_as_many_releases_is_another_one(
    releases: Releases, store: WorkflowStore, tmp_path: Path
) -> None:
    put(store, sql_workflow("a"))
    follow(releases, store)
    (tmp_path / "other").mkdir()
    other = new_store(URL.create("sqlite", database=str(tmp_path / "other/workflows.db")))
    put(other, sql_workflow("b"))
    with pytest.raises(OtherStoreError, match="holds releases of another workflow store"):
        follow(releases, other)


def test_a_store_that_was_restored_from_a_backup_is_followed_back(
    releases: Releases, store: WorkflowStore, tmp_path: Path, folder: Path
) -> None:
    put(store, sql_workflow("a"))
    shutil.copy(tmp_path / "workflows.db", tmp_path / "backup.db")
    put(store, sql_workflow("a", "SELECT 2"))
    follow(releases, store)
    releases.materialise(lambda: store, 2)
    shutil.copy(tmp_path / "backup.db", tmp_path / "workflows.db")
    follow(releases, store)
    assert releases.tracked() == 1
    assert texts(folder / "tracking") == {"a": sql_workflow("a")}
    put(store, sql_workflow("a", "SELECT 3"))
    releases.materialise(lambda: store, 2)
    follow(releases, store)
    assert texts(folder / "versions/2") == texts(folder / "tracking") == {"a": sql_workflow("a", "SELECT 3")}


def test_a_release_of_which_a_part_was_removed_is_made_again(
    releases: Releases, store: WorkflowStore, folder: Path
) -> None:
    put(store, *map(sql_workflow, MANY[:20]))
    releases.materialise(lambda: store, 1)
    whole = tree(folder / "versions/1")
    next(path for path in (folder / "versions/1").iterdir() if path.is_symlink()).unlink()
    releases.materialise(lambda: store, 1)
    assert tree(folder / "versions/1") == whole


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_others_neither_read_nor_write_whatever_the_umask_is(
    releases: Releases, store: WorkflowStore, folder: Path, mask: int
) -> None:
    put(store, sql_workflow("a"))
    before = os.umask(mask)
    try:
        follow(releases, store)
        releases.materialise(lambda: store, 1)
    finally:
        os.umask(before)
    assert modes(folder) == ({0o700}, {0o600})


def test_the_folder_may_be_a_relative_path(
    store: WorkflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, sql_workflow("a"))
    monkeypatch.chdir(tmp_path)
    follow(releases_in(Path("bundle")), store)
    assert texts(tmp_path / "bundle/tracking") == {"a": sql_workflow("a")}


def test_airflow_finds_the_files_and_opens_nothing_else(releases: Releases, store: WorkflowStore, folder: Path) -> None:
    from airflow.utils.file import list_py_file_paths

    put(store, *map(sql_workflow, MANY[:20]), sql_workflow("Daily"), sql_workflow("täglich"))
    follow(releases, store)
    cache = dag_file(folder / "tracking", "w1").parent / "__pycache__"
    cache.mkdir()
    (cache / "x.py").write_text("airflow dag")
    found = list_py_file_paths(folder / "tracking", safe_mode=True)
    assert sorted(os.path.relpath(path, folder / "tracking") for path in found) == sorted(
        path for path in tree(folder / "tracking") if "__pycache__" not in path
    )
    assert len(found) == 22


def age(folder: Path) -> None:
    """All that is not in use looks as old as it may get."""
    long_ago = time.time() - KEPT_SECONDS - 1
    for path in (folder / "current").iterdir():
        os.utime(path, (long_ago, long_ago))


def test_what_no_release_needs_is_swept_and_nothing_else(
    releases: Releases, store: WorkflowStore, folder: Path
) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    releases.materialise(lambda: store, 1)
    follow(releases, store)
    put(store, sql_workflow("a", "SELECT 2"))
    follow(releases, store)
    pinned, newest = tree(folder / "versions/1"), tree(folder / "tracking")
    age(folder)
    sweep(releases.layout)
    assert (tree(folder / "versions/1"), tree(folder / "tracking")) == (pinned, newest)
    assert len(names_in(folder / "current")) == 1
    assert len(names_in(folder / "shards")) == 3
    shutil.rmtree(folder / "versions/1")  # as Airflow does it
    sweep(releases.layout)
    assert tree(folder / "tracking") == newest
    assert len(names_in(folder / "shards")) == 2
    assert len(list((folder / "objects").rglob("*.py"))) == 2


def test_what_was_in_use_lately_is_not_swept(releases: Releases, store: WorkflowStore, folder: Path) -> None:
    put(store, sql_workflow("a"))
    follow(releases, store)
    age(folder)
    reader = Path(os.path.realpath(folder / "tracking"))
    put(store, sql_workflow("a", "SELECT 2"))
    follow(releases, store)
    sweep(releases.layout)
    assert sql_workflow("a") in dag_file(reader, "a").read_text()


def test_files_that_cannot_have_two_names_are_written_twice(
    releases: Releases, store: WorkflowStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    put(store, sql_workflow("a"), *map(sql_workflow, MANY))
    monkeypatch.setattr(os, "link", refuse)
    follow(releases, store)
    put(store, sql_workflow("w1", "SELECT 2"))
    follow(releases, store)
    assert texts(folder / "tracking")["w1"] == sql_workflow("w1", "SELECT 2")
    assert len(texts(folder / "tracking")) == 301


def test_a_folder_that_cannot_be_written_is_one_sentence(store: WorkflowStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"^no release of the workflow store can be written to .*: Not a directory$"):
        follow(releases_in(tmp_path / "file"), store)
