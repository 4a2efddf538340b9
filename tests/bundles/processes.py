"""Processes of their own, forked, that do something and may be killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

CHANGES = (
    "chmod",
    "fchmod",
    "link",
    "mkdir",
    "open",
    "rename",
    "replace",
    "rmdir",
    "symlink",
    "unlink",
    "utime",
    "write",
)


def start(work: Callable[[], object], *, die_at: int | None = None) -> tuple[int, int]:
    """Fork a process that does the work as soon as a byte is written to the pipe: its id, and the pipe's end.

    ``die_at``: it is killed before its so-manieth call of the operating system that changes a file or folder.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        _be(work, die_at)
    os.close(read)
    return pid, write


def go(process: tuple[int, int]) -> None:
    """Let it begin."""
    os.write(process[1], b"!")
    os.close(process[1])


def ended(process: tuple[int, int]) -> int:
    """Its exit code, once it has ended; minus a signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(process[0], 0)[1])


def run(work: Callable[[], object], *, die_at: int | None = None) -> int:
    """Start it, let it begin, wait for its end."""
    process = start(work, die_at=die_at)
    go(process)
    return ended(process)


def _be(work: Callable[[], object], die_at: int | None) -> NoReturn:
    code = 1
    try:
        if die_at is not None:
            _die_at(die_at)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing above this frame may go on in the fork
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _die_at(call: int) -> None:
    left = call

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return called

    for name in CHANGES:
        setattr(os, name, counting(getattr(os, name)))
