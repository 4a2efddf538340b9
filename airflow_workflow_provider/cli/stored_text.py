"""What the store says, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.stored import Shown
from airflow_workflow_provider.cli.table import table_lines
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.explain.words import shown_time
from airflow_workflow_provider.store.records import Published, Version


def stored_facts(shown: Shown | None) -> dict[str, str]:
    """Which version it is; nothing for a file."""
    if shown is None:
        return {}
    version = shown.definition.version
    facts = {
        "published": f"version {version.number} by {version.author}, {shown_time(version.published_at)}",
        "message": version.message,
        "note": "" if shown.is_current else "not the current version",
    }
    return {name: fact for name, fact in facts.items() if fact}


def published_lines(published: Published, console: Console) -> Iterator[str]:
    """What became which version, the release, and what was unchanged."""
    yield from table_lines([_row(version) for version in published.versions], console)
    yield release_line(published, console)
    if published.unchanged:
        yield f"unchanged: {quoted_list(sorted(published.unchanged))}"


def release_line(published: Published, console: Console) -> str:
    """The release that is current now."""
    return console.paint(f"release {published.release}", "bold")


def _row(version: Version) -> Sequence[str | tuple[str, str]]:
    return (version.kind.value, (version.name, "bold"), f"version {version.number}")
