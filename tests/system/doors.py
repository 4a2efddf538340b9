"""Tasks that wait for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


class Door:
    """What a task waits for: ``wait`` is its command, ``open`` lets it go on, ``opened`` fails while it is shut."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.wait = f"while [ ! -e {path} ]; do sleep 0.1; done"
        self.opened = f"[ -e {path} ]"

    def open(self) -> None:
        self._path.touch()

    def shut(self) -> None:
        self._path.unlink()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path / "open")
    yield made
    made.open()  # a test that failed leaves no task waiting
