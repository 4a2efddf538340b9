"""Files and folders that other users of the machine can read and not write, whatever the umask says."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import Final

_FOLDER: Final = 0o755
_FILE: Final = 0o644


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
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)
    try:
        os.fchmod(file, _FILE)
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def read_text(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def replace_file(path: str, content: bytes) -> None:
    """Write a file in place of what is there, whole or not at all."""
    unfinished = f"{path}.{secrets.token_hex(4)}"
    try:
        write_new(unfinished, content)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise


def point(link: str, target: str) -> None:
    """Make a symbolic link, or let it point elsewhere: at every moment there is one of the two."""
    unfinished = f"{link}.{secrets.token_hex(4)}"
    os.symlink(target, unfinished)
    os.replace(unfinished, link)


def remove_tree(path: str) -> None:
    """Remove a folder with all that can be removed."""
    shutil.rmtree(path, ignore_errors=True)
