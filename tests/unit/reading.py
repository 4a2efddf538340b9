"""Writing and reading definitions in tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.reader import Reading, read_workflow

HEAD = "workflow: w\n"
SMALLEST = HEAD + "tasks:\n  a:\n    sql: SELECT 1\n"


def read(folder: Path, content: str | bytes, name: str = "w.workflow.yaml") -> Reading:
    """The reading of one file, whose plan is compiled if there are no errors."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reading = read_workflow(str(path))
    check_reading(reading, path.read_bytes())
    return reading


def read_data(folder: Path, data: Any) -> Reading:
    """The reading of data as JSON."""
    return read(folder, json.dumps(data), "w.workflow.json")


def check_reading(reading: Reading, content: bytes) -> None:
    """What holds for every reading: it compiles or has errors; diagnostics are in order, one line each, in the file."""
    if not reading.errors:
        assert reading.definition is not None
        compile_workflow(reading.definition)
    # The reader counts what YAML takes for a line break, which is a little less than what Python does.
    lines = max(1, len(content.decode("utf-8", "replace").splitlines()))
    own = [diagnostic for diagnostic in reading.diagnostics if diagnostic.file == reading.file]
    assert own == sorted(own, key=lambda diagnostic: (diagnostic.line, diagnostic.column, diagnostic.message))
    for diagnostic in own:
        assert 1 <= diagnostic.line <= lines, (diagnostic, lines)
        assert diagnostic.column >= 1
        assert len(str(diagnostic).splitlines()) == 1
        assert len(diagnostic.message) < 1200


def shown(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Diagnostics as lines, with the file's name in place of its path."""
    return [str(diagnostic).replace(str(Path(diagnostic.file).parent) + "/", "") for diagnostic in diagnostics]


def messages(reading: Reading) -> list[str]:
    """What the diagnostics say, without their places."""
    return [diagnostic.message for diagnostic in reading.diagnostics]
