"""The plans of a folder's definitions, in one file of each user in its ``__pycache__`` (``PYTHONPYCACHEPREFIX`` moves
it).

The file grows at its end, a line a plan: name of the definition, checksum, what the plan was made from, the plan. Of
several lines for one name the last counts; a line that is cut off or damaged is as good as none. So processes need not
wait for each other, and whatever happens to one of them, the worst is that a definition is read once more. When half
of the file is of no use any more it is written anew. See docs/adr/0005-plan-packs.md.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final
from zlib import crc32

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags.plan_cache import content_of, header_of, plan_of
from airflow_workflow_provider.definitions.library import FileStamp
from airflow_workflow_provider.private_files import append_private, replace_private

_TOGETHER: Final = 100
"""Plans that are written at once: a load that is killed has not been in vain."""
_SLACK: Final = 10_000
"""Bytes of no use that no file is written anew for."""


class PlanPack:
    """The plans of the definitions in one folder, while they are loaded."""

    def __init__(self, folder: str) -> None:
        self.place = _place(folder)
        self._folder = folder
        self._used: dict[bytes, bytes] = {}
        self._waiting: list[bytes] = []
        self._size = 0

    def load(self, name: str, packages: str) -> tuple[Plan, str] | None:
        """The plan of the definition in the file ``name``, also as JSON, if nothing that went into it has changed.

        ``packages`` is a fingerprint of the package files that the definition can see.
        """
        key = _key(name)
        begin, end = self._places.get(key, (0, 0))
        kept = self._content[begin:end]
        checksum, _, content = kept.partition(b"\t")
        if checksum != _checksum(content):
            return None
        header, _, plan_json = content.partition(b"\t")
        found = plan_of(header, plan_json, self._made_from(packages))
        if found is not None:
            self._used[key] = kept
        return found

    def keep(self, name: str, packages: str, plan_json: str, files: Sequence[FileStamp]) -> None:
        """Keep a plan's JSON; ``files`` are those that it was made from, as they were before they were read."""
        key, content = _key(name), f"{header_of(self._made_from(packages), files)}\t{plan_json}".encode()
        kept = self._used[key] = b"%b\t%b" % (_checksum(content), content)
        self._waiting.append(_line(key, kept))
        if len(self._waiting) >= _TOGETHER:
            self._append()

    def _made_from(self, packages: str) -> str:
        """With the folder: a copy of it has a copy of the pack, whose plans are those of the folder that was copied."""
        return f"{packages} {self._folder}"

    def save(self, *, is_all: bool) -> None:
        """Write what is to be kept; ``is_all``: every definition of the folder has been asked for."""
        self._append()
        if is_all and self._size > 2 * sum(map(len, self._used.values())) + _SLACK:
            with suppress(OSError):
                replace_private(self.place, b"".join(_line(*item) for item in self._used.items()))

    def _append(self) -> None:
        content = b"".join(self._waiting)
        if content:
            with suppress(OSError):
                append_private(self.place, content)
                self._size += len(content)
        self._waiting.clear()  # not before: whoever is stopped in between saves once more

    @cached_property
    def _content(self) -> bytes:
        content = content_of(self.place)
        self._size = len(content)
        return content

    @cached_property
    def _places(self) -> dict[bytes, tuple[int, int]]:
        """Where the plan of each name begins and ends. Nothing is copied: a worker wants one of a thousand."""
        content, found, start = self._content, {}, 0
        while start < len(content):
            end = content.find(b"\n", start)
            end = len(content) if end < 0 else end
            tab = content.find(b"\t", start, end)
            if tab >= 0:
                found[content[start:tab]] = (tab + 1, end)
            start = end + 1
        return found


def _key(name: str) -> bytes:
    """A name as JSON, which holds neither tabs nor line breaks."""
    return json.dumps(name).encode()


def _checksum(content: bytes) -> bytes:
    """On network file systems what is appended at once may mix."""
    return b"%08x" % crc32(content)


def _line(key: bytes, kept: bytes) -> bytes:
    """On a line of its own, whatever was written before it."""
    return b"\n%b\t%b\n" % (key, kept)


def _place(folder: str) -> str:
    """In a folder of this user: Python makes ``__pycache__`` with the umask, and several users may share it."""
    cache = os.path.join(folder, "__pycache__")
    if sys.pycache_prefix:
        cache = os.path.join(sys.pycache_prefix, os.path.abspath(folder).lstrip(os.sep))
    return os.path.join(cache, f"workflows.{os.geteuid()}", "plans")
