"""Rows as text: columns side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_workflow_provider.cli.console import Console, printable

Cell = str | tuple[str, str]
"""A text, or a text and its style."""


def table_lines(rows: Sequence[Sequence[Cell]], console: Console, indent: str = "") -> Iterator[str]:
    """A line for each row; the last column does not widen anything."""
    texts = [[printable(cell if isinstance(cell, str) else cell[0]) for cell in row] for row in rows]
    columns = max(map(len, rows), default=0)
    widths = [max(len(row[column]) for row in texts) for column in range(columns)]
    for row, shown in zip(rows, texts, strict=True):
        line = indent
        for column, (cell, text) in enumerate(zip(row, shown, strict=True)):
            painted = text if isinstance(cell, str) else console.paint(text, cell[1])
            is_last = not any(shown[column + 1 :])
            line += painted if is_last else f"{painted}{' ' * (widths[column] - len(text) + 2)}"
            if is_last:
                break
        yield line.rstrip() if line.strip() else ""
