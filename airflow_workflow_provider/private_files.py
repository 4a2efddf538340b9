"""Files and folders that only this process's user can read and write, whatever the umask says; what anybody else could
have written is not read.

Whoever else may write a plan or a release runs code in Airflow's processes. Links are not followed, and what is looked
at is what has been opened: nothing can be put in its place in between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FOLDER: Final = 0o700
_FILE: Final = 0o600
_WRITERS: Final = stat.S_IWGRP | stat.S_IWOTH
_OPEN: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_IS_LINK: Final = (errno.ELOOP, errno.ENOTDIR)


class NotPrivateError(OSError):
    """Somebody else could have written what is there."""


def read_private(path: str) -> bytes:
    """What a file holds; ``NotPrivateError`` unless it and its folder are this user's, and nobody else may write them.

    Folders above need not be: what stands there instead would have to be this user's as well.
    """
    with _opened_folder(os.path.dirname(path)) as folder:
        _require_own(os.fstat(folder), os.path.dirname(path))
        try:
            file = os.open(os.path.basename(path), os.O_RDONLY | _OPEN, dir_fd=folder)
        except OSError as error:
            raise _as_not_private(error, path) from error
        try:
            _require_own_file(os.fstat(file), path)
            with os.fdopen(file, "rb", closefd=False) as opened:
                return opened.read()
        finally:
            os.close(file)


def append_private(path: str, content: bytes) -> None:
    """Add to a file, which is made if there is none; one that somebody else could have written is replaced.

    In one system call, so that what several processes append does not mix.
    """
    with _own_folder(os.path.dirname(path)) as folder:
        name = os.path.basename(path)
        file = _open_for_appending(name, folder)
        try:
            if os.write(file, content) != len(content):
                raise OSError(f"{path} could be written in part only")
        finally:
            os.close(file)


def replace_private(path: str, content: bytes) -> None:
    """Write a file in place of what is there, whole or not at all."""
    with _own_folder(os.path.dirname(path)) as folder:
        name = os.path.basename(path)
        unfinished = f"{name}.{secrets.token_hex(4)}"
        try:
            _write(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, _FILE, dir_fd=folder), content)
            os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished, dir_fd=folder)
            raise


def make_folder(path: str) -> str:
    """Make a folder, with those above it, unless it is there."""
    if path and not os.path.isdir(path):  # nothing is above the first part of a relative path
        make_folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _FOLDER)
            os.chmod(path, _FOLDER)  # what the umask took away
    return path


def write_new(path: str, content: bytes) -> None:
    """Write a file that does not exist yet; it is complete when this returns."""
    _write(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE), content)


def read_text(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def point(link: str, target: str) -> None:
    """Make a symbolic link, or let it point elsewhere: at every moment there is one of the two."""
    unfinished = f"{link}.{secrets.token_hex(4)}"
    os.symlink(target, unfinished)
    os.replace(unfinished, link)


def remove_tree(path: str) -> None:
    """Remove a folder with all that can be removed."""
    shutil.rmtree(path, ignore_errors=True)


def _write(file: int, content: bytes) -> None:
    try:
        os.fchmod(file, _FILE)
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _require_own_file(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotPrivateError(f"{path} is no regular file")
    _require_own(status, path)


def _require_own(status: os.stat_result, path: str) -> None:
    if status.st_uid != os.geteuid():
        raise NotPrivateError(f"{path} belongs to user {status.st_uid}")
    if status.st_mode & _WRITERS:
        raise NotPrivateError(f"{path} may be written by others")


@contextmanager
def _opened_folder(path: str) -> Iterator[int]:
    try:
        folder = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | _OPEN)
    except OSError as error:
        raise _as_not_private(error, path) from error
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _own_folder(path: str) -> Iterator[int]:
    """The folder, made if there is none; one of this user that others may write is taken from them."""
    if not os.path.lexists(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # as others make it: it need not be private
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _FOLDER)
    with _opened_folder(path) as folder:
        status = os.fstat(folder)
        if status.st_uid == os.geteuid() and status.st_mode & _WRITERS:
            os.fchmod(folder, stat.S_IMODE(status.st_mode) & ~_WRITERS)
            status = os.fstat(folder)
        _require_own(status, path)
        yield folder


def _open_for_appending(name: str, folder: int) -> int:
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _OPEN
    try:
        file = os.open(name, how, _FILE, dir_fd=folder)
    except OSError:  # a link, a pipe, a file of somebody else
        os.unlink(name, dir_fd=folder)
    else:
        try:
            _require_own_file(os.fstat(file), name)
        except NotPrivateError:
            os.close(file)
            os.unlink(name, dir_fd=folder)
        else:
            return file
    return os.open(name, how | os.O_EXCL, _FILE, dir_fd=folder)


def _as_not_private(error: OSError, path: str) -> OSError:
    return NotPrivateError(f"{path} is a link or no folder") if error.errno in _IS_LINK else error
