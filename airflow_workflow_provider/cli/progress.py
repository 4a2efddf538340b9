"""A line that tells how far a long command is; only on a terminal, and only if it takes long."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

from airflow_workflow_provider.cli.console import Console

_PATIENCE: Final = 1.0  # seconds
_PAUSE: Final = 0.1


class Progress:
    """Counts steps. Leaving it takes the line away."""

    def __init__(self, console: Console, verb: str, total: int) -> None:
        self._console = console
        self._verb = verb
        self._total = total
        self._done = 0
        self._next = time.monotonic() + _PATIENCE if console.err.isatty() else float("inf")
        self._is_shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_shown:
            self._console.err.write("\r\x1b[K")
            self._console.err.flush()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE
            self._is_shown = True
            self._console.err.write(f"\r\x1b[K{self._verb} {self._done} of {self._total} files …")
            self._console.err.flush()
