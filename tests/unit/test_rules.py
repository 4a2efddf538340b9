"""Every definition in ``definitions/ok`` is readable, every one in ``definitions/err`` says what is wrong with it.

Expected diagnostics stand beside each file in ``<file>.expected``, one a line, none for an empty file.
``UPDATE_EXPECTED=1 pytest tests/unit/test_rules.py`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_workflow_provider.definitions.reader import Reading, read_workflow
from tests.unit.reading import check_reading

ROOT = Path(__file__).parent / "definitions"
FILES = sorted(path for path in ROOT.rglob("*.workflow.*") if path.suffix in (".yaml", ".json"))


def _lines(reading: Reading, path: Path) -> str:
    folder = str(path.parent) + os.sep
    return "".join(f"{diagnostic}\n".replace(folder, "") for diagnostic in reading.diagnostics)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_diagnostics_are_the_expected_ones(path: Path) -> None:
    reading = read_workflow(str(path))
    lines = _lines(reading, path)
    expected = path.with_name(path.name + ".expected")
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(lines, encoding="utf-8")
    assert lines == expected.read_text(encoding="utf-8")
    assert bool(reading.errors) == ("err" in path.relative_to(ROOT).parts)
    check_reading(reading, path.read_bytes())


@pytest.mark.parametrize("path", FILES[::5], ids=lambda path: str(path.relative_to(ROOT)))
def test_reading_twice_says_the_same(path: Path) -> None:
    first, second = read_workflow(str(path)), read_workflow(str(path))
    assert first.diagnostics == second.diagnostics
    assert first.definition == second.definition


def test_no_expectation_is_left_over() -> None:
    kept = {path.with_name(path.name + ".expected") for path in FILES}
    assert sorted(set(ROOT.rglob("*.expected")) - kept) == []
