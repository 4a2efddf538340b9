"""Files of this user alone: what anybody else could have written is not read, and nobody else can write."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_workflow_provider.private_files import (
    NotPrivateError,
    append_private,
    read_private,
    replace_private,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own" / "file"
    append_private(str(path), b"one")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("write", [append_private, replace_private])
def test_what_is_written_is_its_owners(write: Callable[[str, bytes], None], umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(str(tmp_path / "own" / "file"), b"one")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "own"), mode(tmp_path / "own" / "file")) == (0o700, 0o600)
    assert read_private(str(tmp_path / "own" / "file")) == b"one"


def _writable_file(file: Path) -> None:
    file.chmod(0o620)


def _file_of_all(file: Path) -> None:
    file.chmod(0o666)


def _writable_folder(file: Path) -> None:
    file.parent.chmod(0o777)


def _link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _linked_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))
    file.parent.symlink_to("elsewhere")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _others_file(file: Path) -> None:
    os.chown(file, NOBODY, -1)


def _others_folder(file: Path) -> None:
    os.chown(file.parent, NOBODY, -1)


REPAIRED = [_writable_file, _file_of_all, _writable_folder, _link, _pipe]
HOPELESS = [_linked_folder, _folder]


@pytest.mark.parametrize(
    "change", [*REPAIRED, *HOPELESS, *(pytest.param(each, marks=as_root) for each in (_others_file, _others_folder))]
)
def test_what_others_could_have_written_is_not_read(change: Callable[[Path], None], file: Path) -> None:
    change(file)
    with pytest.raises(NotPrivateError):
        read_private(str(file))


@pytest.mark.parametrize("change", [*REPAIRED, pytest.param(_others_file, marks=as_root)])
@pytest.mark.parametrize("write", [append_private, replace_private])
def test_it_is_taken_back_when_it_is_written(
    write: Callable[[str, bytes], None], change: Callable[[Path], None], file: Path
) -> None:
    change(file)
    write(str(file), b"two")
    assert read_private(str(file)) in (b"two", b"onetwo" if change is _writable_folder else b"two")
    assert (mode(file.parent) & 0o022, mode(file)) == (0, 0o600)
    if file.with_name("elsewhere").exists():
        assert file.with_name("elsewhere").read_bytes() == b"one"


@pytest.mark.parametrize("change", [_linked_folder, pytest.param(_others_folder, marks=as_root)])
@pytest.mark.parametrize("write", [append_private, replace_private])
def test_nothing_is_written_into_a_folder_of_somebody_else(
    write: Callable[[str, bytes], None], change: Callable[[Path], None], file: Path
) -> None:
    change(file)
    with pytest.raises(NotPrivateError):
        write(str(file), b"two")
    assert file.read_bytes() == b"one"


def test_what_is_not_there_is_no_matter_of_trust(tmp_path: Path, file: Path) -> None:
    for path in (tmp_path / "nowhere" / "file", file.with_name("other")):
        with pytest.raises(FileNotFoundError):
            read_private(str(path))
