"""The lines in which the texts of two versions differ."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from airflow_workflow_provider.store.records import StoredDefinition


def text_differences(before: StoredDefinition, after: StoredDefinition) -> Iterator[str]:
    """A unified diff of the definitions and of the .sql files that they name."""
    yield from _unified(before.file, after.file, before.source.text, after.source.text)
    for path in sorted({*before.source.files, *after.source.files}):
        one, other = before.source.files.get(path), after.source.files.get(path)
        old = "/dev/null" if one is None else f"{_folder(before)}/{path}"
        new = "/dev/null" if other is None else f"{_folder(after)}/{path}"
        yield from _unified(old, new, one or "", other or "")


def _folder(stored: StoredDefinition) -> str:
    return f"{stored.version.name}/{stored.version.number}"


def _unified(old: str, new: str, before: str, after: str) -> Iterator[str]:
    return unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
