"""Consoles that the documentation shows: commands, as readers type them, and what is printed below."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.pages import Block

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def conversation(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the output shown below it."""
    command, shown = "", list[str]()
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line.removeprefix("$ "), []
        elif command.endswith("\\"):
            command = command.removesuffix("\\") + line.strip()
        else:
            shown.append(line)
    assert command, f"{block}: no command"
    yield command, shown


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether they are the same; a line `…` stands for any lines, and any time for another one."""
    shown, printed = ([_TIME.sub("<time>", line) for line in lines] for lines in (shown, printed))
    pattern = "".join("(?:.*\n)*?" if line.strip() == "…" else re.escape(line) + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def typed(command: str, env: Mapping[str, str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What comes of a command line; ``stdout`` is all that is printed."""
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
