"""An explanation as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.explain.explanation import RunExplanation, TaskExplanation, Value
from airflow_workflow_provider.explain.words import shown_seconds, shown_time, shown_value

SIGNS: Final = {"success": "✓", "failure": "✗", "failed": "✗", "skipped": "–", "running": "▶", "retrying": "↻"}
COLOURS: Final = {
    "success": "green",
    "failure": "red",
    "failed": "red",
    "skipped": "dim",
    "running": "cyan",
    "retrying": "yellow",
}
OTHER_SIGN: Final = "·"


def explanation_lines(run: RunExplanation, console: Console) -> Iterator[str]:
    """The run, its tasks, its variables."""
    yield f"{console.paint(run.workflow, 'bold')}  {console.paint('version ' + run.version, 'dim')}"
    yield from _facts(run, console)
    yield ""
    yield console.paint("tasks", "bold")
    yield from _tasks(run.tasks, console)
    if run.variables:
        yield ""
        yield console.paint("variables", "bold")
        yield from _variables(run)
    own = [task for task in run.tasks if task.values]
    if own:
        yield ""
        yield console.paint("variables of tasks", "bold")
        yield from _own_variables(own)
    if run.not_read:
        yield ""
        yield f"note: given when the run was started, but no variables: {printable(', '.join(run.not_read))}"


def _facts(run: RunExplanation, console: Console) -> Iterator[str]:
    state = console.paint(run.state, "bold", *([COLOURS[run.state]] if run.state in COLOURS else []))
    took = shown_seconds(run.seconds)
    facts = {
        "run": printable(run.run_id),
        "state": f"{state} (outcome: {run.outcome_mode})",
        "reason": printable(run.reason),
        "started by": printable(run.started_by),
        "started": shown_time(run.start),
        "took": took if run.has_ended else f"{took} so far" if took else "",
        "note": printable(run.note or ""),
    }
    for name, fact in facts.items():
        if fact:
            yield f"  {name:<10}  {fact}"
    for broken in run.broken:
        yield f"  {'broken':<10}  {printable(broken)}"


def _tasks(tasks: Sequence[TaskExplanation], console: Console) -> Iterator[str]:
    rows = [(task, printable(task.name), shown_seconds(task.seconds)) for task in tasks]
    width = max(len(name) for _, name, _ in rows)
    status = max(len(task.status) for task in tasks)
    took = max(len(seconds) for _, _, seconds in rows)
    for task, name, seconds in rows:
        sign = SIGNS.get(task.status, OTHER_SIGN)
        head = f"{sign} {name:<{width}}  {task.status:<{status}}"
        painted = console.paint(head, *([COLOURS[task.status]] if task.status in COLOURS else []))
        tries = f" ({task.tries} attempts)" if task.tries > 1 else ""
        yield f"  {painted}  {seconds:>{took}}  {printable(task.reason)}{tries}"


def _variables(run: RunExplanation) -> Iterator[str]:
    rows = []
    for variable in run.variables:
        for index, seen in enumerate(variable.values):
            first = (variable.name, variable.type or "any") if index == 0 else ("", "")
            readers = f"; read by {', '.join(seen.readers)}" if seen.readers else ""
            rows.append((*first, _shown(seen.value), f"{seen.value.origin}{readers}"))
    yield from _table(rows)


def _own_variables(tasks: Sequence[TaskExplanation]) -> Iterator[str]:
    yield from _table(
        [
            (task.name if index == 0 else "", name, _shown(value), value.origin)
            for task in tasks
            for index, (name, value) in enumerate(task.values)
        ]
    )


def _shown(value: Value) -> str:
    return printable(shown_value(value, 60) if value.problem is None else shown_value(value))


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns side by side; the last one and values that are very long do not widen the others."""
    widths = [min(48, max(len(row[column]) for row in rows)) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        yield printable(f"  {'  '.join([*cells, row[-1]])}".rstrip())
