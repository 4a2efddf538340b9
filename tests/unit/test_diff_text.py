"""How differences are shown to people: every kind of change at once, against a golden file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.diff_text import meaning_lines
from airflow_workflow_provider.compiler.differences import workflow_differences
from tests.unit.test_differences import CHANGES, WHOLE, changed, definition

GOLDEN = Path(__file__).parent / "golden" / "cli" / "expected" / "diff.txt"


def shown(*, colours: bool = False) -> str:
    after = changed(*CHANGES)
    after["description"] = "Many\nlines\n" + "".join(f"{number}\n" for number in range(20))
    text = WHOLE.replace("Launch the campaign that starts today", '"Many\\nlines\\nof\\ntext"')
    before = definition(text.replace("[1, 2.5, null, {a: b}]", str([*range(20, 60)])))
    after["tasks"]["new"] = {"sql": "SELECT 1", "depends_on": "call"}
    del after["tasks"]["warm_cache"]
    after["variables"]["limits"]["default"] = {"daily": list(range(40))}
    after["tasks"]["call"]["arguments"]["op_args"] = [*range(20, 61)]
    differences = workflow_differences(before, definition(after))
    return "".join(f"{line}\n" for line in meaning_lines(differences, Console(io.StringIO(), io.StringIO(), colours)))


def test_prints_exactly_this() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown(), encoding="utf-8")
    assert shown() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["\x1b[31m- warm_cache\x1b[0m", "\x1b[32m+ new\x1b[0m", "\x1b[33m~ schedule\x1b[0m"])
def test_colours_tell_what_came_and_went(line: str) -> None:
    assert line in shown(colours=True)
