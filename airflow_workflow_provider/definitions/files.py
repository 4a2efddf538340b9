"""Contents of files that others may change while they are read: what was looked at is what is read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a definition."""
_PORTION: Final = 16 * 1024
_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = getattr(os, "O_DIRECTORY", 0)


class NotAFileError(Exception):
    """A folder, a pipe or a device."""


class OutsideError(Exception):
    """A path that leads out of the folder in which it has to stay."""


def content_of(path: str | Path, most: int, *, folder: int | None = None, flags: int = 0) -> bytes:
    """What a regular file holds, one byte more than ``most`` at most; ``OSError`` and ``ValueError`` as of ``open``.

    ``folder``: descriptor of the folder that the path is relative to.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_WAITING | flags, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError
        # Not all at once: memory for ``most`` takes longer than reading what most files hold.
        portion, content = max(_PORTION, status.st_size + 1), b""
        while len(content) <= most and (part := os.read(descriptor, min(portion, most + 1 - len(content)))):
            content += part
        return content
    finally:
        os.close(descriptor)


def content_inside(folder: Path, relative: str, most: int) -> bytes:
    """The same of a file in a folder or below it; ``OutsideError`` for one behind a link that leads out of it.

    Links that stay inside are followed before anything is opened, and none while it is: a link that is put there in
    between is an ``OSError``.
    """
    root = os.path.realpath(folder)
    real = Path(os.path.realpath(Path(root, relative)))
    if not real.is_relative_to(root):
        raise OutsideError
    *folders, name = real.relative_to(root).parts or (".",)
    if os.open not in os.supports_dir_fd:  # Windows
        return content_of(real, most)
    current = os.open(root, os.O_RDONLY | _FOLDER)
    try:
        for each in folders:
            below = os.open(each, os.O_RDONLY | _FOLDER | _NO_LINKS, dir_fd=current)
            os.close(current)
            current = below
        return content_of(name, most, folder=current, flags=_NO_LINKS)
    finally:
        os.close(current)
