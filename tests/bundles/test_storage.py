"""The folder of a bundle: what somebody else made first, or could replace, is not run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_workflow_provider.bundles.errors import BundleError
from airflow_workflow_provider.bundles.storage import require_private_folder
from airflow_workflow_provider.private_files import NotPrivateError
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import releases_in
from tests.stores import put, sql_workflow

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
NOBODY = 65534


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "tmp" / "airflow" / "bundle"


def test_it_is_made_for_its_owner_below_a_folder_as_tmp_is(base: Path) -> None:
    base.parents[1].mkdir()
    base.parents[1].chmod(0o1777)
    require_private_folder(str(base))
    require_private_folder(str(base))
    assert base.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o707])
def test_a_folder_above_that_everybody_may_write_is_refused(mode: int, base: Path) -> None:
    require_private_folder(str(base))
    base.parent.chmod(mode)
    with pytest.raises(NotPrivateError, match=f"^{base.parent} may be written by others"):
        require_private_folder(str(base))


@as_root
def test_the_group_of_root_may_write_a_folder_above(base: Path) -> None:
    require_private_folder(str(base))
    base.parent.chmod(0o775)
    require_private_folder(str(base))


@as_root
@pytest.mark.parametrize("above", [0, 1])
def test_what_another_user_made_first_is_refused(above: int, base: Path) -> None:
    require_private_folder(str(base))
    theirs = [base, *base.parents][above]
    os.chown(theirs, NOBODY, -1)
    with pytest.raises(NotPrivateError, match=f"^{theirs} belongs to user {NOBODY}"):
        require_private_folder(str(base))


@as_root
def test_a_group_of_others_may_not_write_a_folder_above(base: Path) -> None:
    require_private_folder(str(base))
    os.chown(base.parent, -1, NOBODY)
    base.parent.chmod(0o770)
    with pytest.raises(NotPrivateError, match="chmod go-w"):
        require_private_folder(str(base))


@as_root
def test_a_link_of_another_user_is_not_followed(base: Path, tmp_path: Path) -> None:
    require_private_folder(str(tmp_path / "real" / "bundle"))
    base.parents[1].mkdir()
    base.parent.symlink_to(tmp_path / "real")
    require_private_folder(str(base))
    os.chown(base.parent, NOBODY, -1, follow_symlinks=False)
    with pytest.raises(NotPrivateError, match="belongs to user"):
        require_private_folder(str(base))


def test_what_a_link_leads_through_counts_as_well(base: Path, tmp_path: Path) -> None:
    base.parents[1].mkdir()
    require_private_folder(str(tmp_path / "real" / "airflow" / "bundle"))
    base.parent.symlink_to("../real/./airflow")
    require_private_folder(str(base))
    (tmp_path / "real").chmod(0o777)
    with pytest.raises(NotPrivateError, match=f"^{tmp_path / 'real'} may be written by others"):
        require_private_folder(str(base))


def test_an_empty_folder_is_taken_from_others_and_one_with_files_is_refused(base: Path) -> None:
    require_private_folder(str(base))
    base.chmod(0o777)
    require_private_folder(str(base))
    assert base.stat().st_mode & 0o022 == 0
    (base / "file").touch()
    base.chmod(0o777)
    with pytest.raises(NotPrivateError, match="others could write to"):
        require_private_folder(str(base))


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"circle|symbolic links"):
        require_private_folder(str(tmp_path / "a" / "bundle"))


def test_a_release_that_is_on_disk_is_not_used_once_others_could_have_changed_it(
    store: WorkflowStore, tmp_path: Path
) -> None:
    put(store, sql_workflow("a"))
    releases = releases_in(tmp_path / "storage" / "bundle")
    releases.follow(store, lambda: store)
    releases.materialise(lambda: store, 1)
    (tmp_path / "storage").chmod(0o777)
    with pytest.raises(BundleError, match=r"is kept in .* or run from there"):
        releases.follow(store, lambda: store)
    with pytest.raises(BundleError, match=r"is kept in .* or run from there"):
        releases.materialise(lambda: store, 1)
