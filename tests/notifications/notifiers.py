"""Notifiers for tests. They are found on ``PYTHONPATH`` by every component, as those of a provider are."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier

TOLD = (
    "event",
    "workflow",
    "run_id",
    "state",
    "reason",
    "failed_tasks",
    "broken_expectations",
    "run_url",
    "task_urls",
)


class FileNotifier(BaseNotifier):
    """Appends what it is told to a file, one JSON line a call, with its filled ``text``."""

    template_fields: Sequence[str] = ("text",)

    def __init__(self, file: str, text: str = "{{ reason }}") -> None:
        super().__init__()
        self.file = file
        self.text = text

    def notify(self, context: Any) -> None:
        _append(self.file, {**{name: context[name] for name in TOLD}, "text": self.text})


class AsyncFileNotifier(FileNotifier):
    """Only for the triggerer."""

    notify = BaseNotifier.notify

    async def async_notify(self, context: Any) -> None:
        _append(self.file, {**{name: context[name] for name in TOLD}, "text": self.text, "async": True})


class FailingNotifier(BaseNotifier):
    """Fails when it is called."""

    def notify(self, context: Any) -> None:
        raise ConnectionError("nobody listens")


class ExitingNotifier(BaseNotifier):
    """Ends the program, as the main function of a command line does."""

    def notify(self, context: Any) -> None:
        sys.exit(3)


class AsyncExitingNotifier(BaseNotifier):
    """The same in the triggerer."""

    async def async_notify(self, context: Any) -> None:
        sys.exit(3)


class NoNotifier:
    """Not a notifier at all."""


def _append(file: str, line: dict[str, Any]) -> None:
    with Path(file).open("a", encoding="utf-8") as out:
        out.write(json.dumps({**line, "at": time.time()}) + "\n")
