"""What every demo is around its runs: options, a folder that goes away, and an end in one line."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from scripts.airflow_api import LocalAirflowError

if TYPE_CHECKING:
    from types import FrameType

WIDTH_WITHOUT_TERMINAL: Final = 120


def parse_options(program: str, description: str | None, ui: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The command line's options: ``ui`` and ``keep``."""
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ui", action="store_true", help=ui)
    parser.add_argument("--keep", action="store_true", help="keep the folder with Airflow's home and the database")
    return parser.parse_args(arguments)


def play(run: Callable[[Console, Path], int], *, keep: bool) -> int:
    """Run a demo in a folder of its own; its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)
    try:
        with _demo_home(keep=keep, console=console) as home:
            return run(console, home)
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    except LocalAirflowError as error:
        console.print(str(error), style="red", markup=False)
        return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _demo_home(*, keep: bool, console: Console) -> Iterator[Path]:
    """A temporary folder for everything the demo writes."""
    home = Path(tempfile.mkdtemp(prefix="workflow-demo-"))
    try:
        yield home
    finally:
        if keep:
            console.print(f"Kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
