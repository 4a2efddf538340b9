"""Every definition in ``definitions/ok`` is readable, every one in ``definitions/err`` says what is wrong with it.

Those in a folder ``stored`` are read as if they came from the store.
Expected diagnostics stand beside each file in ``<file>.expected``, one a line, none for an empty file.
``UPDATE_EXPECTED=1 pytest tests/unit/test_rules.py`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_workflow_provider.definitions.document import parse, read_text
from airflow_workflow_provider.definitions.library import Library
from airflow_workflow_provider.definitions.reader import Reading, read_document, read_workflow
from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS, Trust
from tests.unit.reading import check_reading

ROOT = Path(__file__).parent / "definitions"
FILES = sorted(path for path in ROOT.rglob("*.workflow.*") if path.suffix in (".yaml", ".json"))


TRUST = Trust(
    operators=(*DEFAULT_OPERATORS, "airflow.providers.http.operators.http.*"),
    connections=("shop_*", "aperture_default", "warehouse"),
    notifiers=("airflow.providers.smtp.notifications.smtp.SmtpNotifier",),
    secrets=("shop_*",),
    refused_connections=("shop_store",),
)


def _read(path: Path) -> Reading:
    if "stored" not in path.parts:
        return read_workflow(str(path))
    return read_document(parse(read_text(path), str(path)), Library(path.parent), TRUST)


def _lines(reading: Reading, path: Path) -> str:
    folder = str(path.parent) + os.sep
    return "".join(f"{diagnostic}\n".replace(folder, "") for diagnostic in reading.diagnostics)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_diagnostics_are_the_expected_ones(path: Path) -> None:
    reading = _read(path)
    lines = _lines(reading, path)
    expected = path.with_name(path.name + ".expected")
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(lines, encoding="utf-8")
    assert lines == expected.read_text(encoding="utf-8")
    assert bool(reading.errors) == ("err" in path.relative_to(ROOT).parts)
    check_reading(reading, path.read_bytes())


@pytest.mark.parametrize("path", FILES[::5], ids=lambda path: str(path.relative_to(ROOT)))
def test_reading_twice_says_the_same(path: Path) -> None:
    first, second = _read(path), _read(path)
    assert first.diagnostics == second.diagnostics
    assert first.definition == second.definition


def test_no_expectation_is_left_over() -> None:
    kept = {path.with_name(path.name + ".expected") for path in FILES}
    assert sorted(set(ROOT.rglob("*.expected")) - kept) == []
