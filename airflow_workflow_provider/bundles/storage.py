"""The folder in which releases are kept: this user's alone, and nobody else can put another in its place.

Airflow runs what it finds there by its path. So the folders above count as well: ``/tmp`` is writable by everybody,
but what is in it stays its owner's (its sticky bit); whoever made ``/tmp/airflow`` first could replace what is below.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from functools import cache
from typing import Final

from airflow_workflow_provider.private_files import NotPrivateError, make_folder

_MOST_LINKS: Final = 40


def require_private_folder(path: str) -> None:
    """Make the folder if there is none; ``NotPrivateError`` if somebody else could write it or a folder above it."""
    make_folder(path)
    *above, own = list(_folders_to(os.path.abspath(path)))
    for place, status in above:
        _require_safe(place, status)
    _require_alone(*own)


def _folders_to(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every folder on the way from the root, links followed one by one; a link's owner counts as a folder's does."""
    place, rest, links = os.sep, path.split(os.sep)[::-1], 0
    yield place, os.lstat(place)
    while rest:
        part = rest.pop()
        if part in ("", "."):
            continue
        if part == "..":
            place = os.path.dirname(place)
            continue
        below = os.path.join(place, part)
        status = os.lstat(below)
        if not stat.S_ISLNK(status.st_mode):
            place = below
            yield place, status
            continue
        links += 1
        if links > _MOST_LINKS:
            raise NotPrivateError(f"{path} leads through links in a circle")
        _require_owner(below, status)
        target = os.readlink(below)
        place = os.sep if target.startswith(os.sep) else place
        rest += target.split(os.sep)[::-1]


def _require_safe(place: str, status: os.stat_result) -> None:
    """Nobody else can put something in place of what is in a folder."""
    _require_owner(place, status)
    if status.st_mode & stat.S_ISVTX:
        return
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid)):
        raise NotPrivateError(f"{place} may be written by others, who could replace what is in it: chmod go-w {place}")


def _require_owner(place: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise NotPrivateError(f"{place} belongs to user {status.st_uid}, who could replace what is in it")


def _require_alone(place: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise NotPrivateError(f"{place} belongs to user {status.st_uid}; remove it, or set another path")
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        if os.listdir(place):
            raise NotPrivateError(f"others could write to {place} until now: remove it, and it is made anew")
        os.chmod(place, stat.S_IMODE(status.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))


@cache
def _is_own_group(gid: int) -> bool:
    """Root's, or the one that a user has to himself (with which many systems make folders writable)."""
    if gid == 0:
        return True
    if gid != os.getegid():
        return False
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
