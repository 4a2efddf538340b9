"""Where releases are on disk.

::

    objects/<kk>/<key>.py        one DAG file for all releases that hold it, by the key of its facts; its plan beside it
    shards/<xx>-<digest>/<name>.py   the same files again (hard links): 1/256 of a release, shared by releases
                        /entries.json
    versions/<release>/<xx>      links to shards; Airflow removes what no run has used for long
    current/<release>-<random>/<xx>  the same for the newest release
    tracking                     link to the one of these that is in use
    unfinished/                  what nobody sees yet
    store.json                   whose releases these are
    taken.json                   names of workflows in the newest release that DAGs from elsewhere bear
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from airflow_workflow_provider.bundles.facts import FORMAT
from airflow_workflow_provider.private_files import write_new

ENTRIES: Final = "entries.json"
DIGITS: Final = 2
"""Of the hash of a workflow's name: 256 shards."""
_MARK: Final = ".release-"
_IGNORED: Final = b"__pycache__/\n"


@dataclass(frozen=True, slots=True)
class ReleaseFolder:
    """A release on disk: the names of its shards by their first two digits. ``format`` is that of its DAG files."""

    path: str
    number: int
    shards: dict[str, str]
    format: int


class Layout:
    """The paths below one folder."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.objects = os.path.join(base, "objects")
        self.shards = os.path.join(base, "shards")
        self.versions = os.path.join(base, "versions")
        self.current = os.path.join(base, "current")
        self.tracking = os.path.join(base, "tracking")
        self.unfinished = os.path.join(base, "unfinished")
        self.store = os.path.join(base, "store.json")
        self.taken = os.path.join(base, "taken.json")
        self.failed = os.path.join(base, "failed.json")
        self.swept = os.path.join(base, "swept")

    def version(self, number: int) -> str:
        """Where Airflow looks for a release."""
        return os.path.join(self.versions, str(number))

    def shard(self, name: str) -> str:
        """The folder of a shard."""
        return os.path.join(self.shards, name)

    def object(self, key: str) -> str:
        """The DAG file with a key; the plan that was made of it ends in ``.plan`` instead."""
        return f"{self.objects}{os.sep}{key[:2]}{os.sep}{key}.py"

    def tracked(self) -> ReleaseFolder | None:
        """The newest release as far as it is known here."""
        try:
            return self.read(os.path.join(self.current, os.path.basename(os.readlink(self.tracking))))
        except OSError:
            return None

    def read(self, path: str) -> ReleaseFolder | None:
        """A release folder; ``None`` unless all of it is there."""
        try:
            names = os.listdir(path)
            mark = next(name for name in names if name.startswith(_MARK))
            number = int(os.path.basename(path).partition("-")[0])
            form, count = map(int, mark.removeprefix(_MARK).split("-"))
            shards = {
                name: os.path.basename(os.readlink(os.path.join(path, name))) for name in names if len(name) == DIGITS
            }
        except (OSError, StopIteration, ValueError):
            return None
        if len(shards) != count or not all(os.path.isdir(self.shard(name)) for name in shards.values()):
            return None
        return ReleaseFolder(path, number, shards, form)

    def release_paths(self) -> list[str]:
        """All folders that may be releases."""
        return [
            os.path.join(folder, name)
            for folder in (self.versions, self.current)
            if os.path.isdir(folder)
            for name in os.listdir(folder)
        ]


def write_release(path: str, shards: dict[str, str]) -> None:
    """Fill the new folder of a release; its place is two folders below the base."""
    for prefix, name in shards.items():
        os.symlink(f"../../shards/{name}", os.path.join(path, prefix))
    # So that the dag processor does not open byte code to see whether it is a ZIP file.
    write_new(os.path.join(path, ".airflowignore"), _IGNORED)
    write_new(os.path.join(path, f"{_MARK}{FORMAT}-{len(shards)}"), b"")
