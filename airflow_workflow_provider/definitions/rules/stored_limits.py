"""stored_limits: how much a definition from the store may ask of the processes that every workflow shares.

A file of the DAG folder that is too much for the dag processor is its author's to mend. One from the store would be
everybody's, so what could exhaust dag processor, scheduler or database is refused before it is looked at any closer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain, pairwise
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Notify, OperatorTask, Workflow
from airflow_workflow_provider.definitions.references import exact_reference, texts
from airflow_workflow_provider.definitions.stored.templates import is_template

RULE: Final = "stored_limits"

MOST_TASKS: Final = 5_000
MOST_EDGES: Final = 50_000
MOST_TEMPLATES: Final = 10_000
"""Texts with more in them than one ``{{ vars.name }}``."""
_LONGEST_TIME: Final = timedelta(days=366)
_LONGEST_FACTOR: Final = 1_000
_YEARS: Final = (1970, 2200)
_NAME_BYTES: Final = 200
# Airflow's tables have columns of these widths; a longer text fails the transaction of whoever writes it.
_LONGEST: Final = {"owner": 100, "pool": 250, "tag": 100, "cron": 100, "dotted path": 250}
_LONGEST_TEXT: Final = 5_000
_LONGEST_EXPRESSION: Final = 2_000
_MOST: Final = {"tags": 50, "schedules": 50, "checks": 100, "variables": 1_000, "notifiers": 20}


def check(workflow: Workflow) -> Iterator[Finding]:
    """Check a well-shaped workflow, before anything looks at its tasks together."""
    yield from check_name(workflow.workflow)
    yield from _counts(workflow)
    yield from _templates(workflow)
    yield from _texts(workflow)
    yield from _times(workflow)
    yield from _tags(workflow.tags)


def check_name(name: str) -> Iterator[Finding]:
    """A name is a dag_id and a file's name, and people take it for what it looks like."""
    where: Location = ("workflow",)
    if len(name.encode()) > _NAME_BYTES:
        yield Finding(where, f"a workflow in the store has a name of {_NAME_BYTES} bytes of UTF-8 at most", RULE)
    if name.startswith((".", "-", "__")):
        yield Finding(where, "the name of a workflow in the store begins with a letter, a digit or one '_'", RULE)
    if unicodedata.normalize("NFKC", name) != name or len(_scripts(name)) > 1:
        yield Finding(
            where,
            "the name looks like another one: a workflow in the store has the letters of one script in its name, "
            "in their usual form",
            RULE,
        )


def _scripts(name: str) -> set[str]:
    """``LATIN``, ``CYRILLIC`` and so on, of the letters."""
    return {unicodedata.name(letter, "?").split()[0] for letter in name if letter.isalpha() or not letter.isascii()}


def _counts(workflow: Workflow) -> Iterator[Finding]:
    tasks, phases = workflow.tasks or {}, workflow.phases or []
    if len(tasks) + sum(map(len, phases)) > MOST_TASKS:
        where: Location = ("tasks",) if tasks else ("phases",)
        yield _too_many(where, "tasks", MOST_TASKS)
    edges = sum(len(task.depends_on) for task in tasks.values())
    edges += sum(len(before) * len(after) for before, after in pairwise(phases))
    if edges > MOST_EDGES:
        yield _too_many(("tasks",) if tasks else ("phases",), "edges", MOST_EDGES)
    notifiers = sum(len(each) for _, each in _notifiers(workflow))
    counts: dict[str, tuple[Location, int]] = {
        "tags": (("tags",), len(workflow.tags)),
        "schedules": (("schedules",), len(workflow.schedules)),
        "checks": (("expect", "checks"), len(workflow.expect.checks) if workflow.expect else 0),
        "variables": (("variables",), len(workflow.variables)),
        "notifiers": (("notify",), notifiers),
    }
    for what, (place, count) in counts.items():
        if count > _MOST[what]:
            yield _too_many(place, what, _MOST[what])


def _too_many(where: Location, what: str, most: int) -> Finding:
    return Finding(where, f"a definition from the store may have {most} {what} at most", RULE, on_key=True)


def _notifiers(workflow: Workflow) -> Iterable[tuple[str, list[Any]]]:
    if workflow.notify is None:
        return []
    return [(event, getattr(workflow.notify, event)) for event in Notify.model_fields]


def _templates(workflow: Workflow) -> Iterator[Finding]:
    """Each takes a moment to read: many of them take longer than the dag processor waits."""
    found = 0
    for name, task in (workflow.tasks or {}).items():
        arguments = task.arguments if isinstance(task, OperatorTask) else None
        for value in (task.variables, arguments):
            found += sum(is_template(text) and exact_reference(text) is None for _, text in texts(value, ()))
        if found > MOST_TEMPLATES:
            yield _too_many(("tasks", name), "templates", MOST_TEMPLATES)
            return


def _texts(workflow: Workflow) -> Iterator[Finding]:
    for where, text, most in _limited_texts(workflow):
        if text is not None and len(text) > most:
            yield Finding(
                where, f"this may have {most} characters in a definition from the store, it has {len(text)}", RULE
            )


def _limited_texts(workflow: Workflow) -> Iterator[tuple[Location, str | None, int]]:
    yield ("description",), workflow.description, _LONGEST_TEXT
    yield ("owner",), workflow.owner, _LONGEST["owner"]
    yield ("schedule",), workflow.schedule, _LONGEST["cron"]
    yield ("defaults", "pool"), workflow.defaults.pool, _LONGEST["pool"]
    for index, schedule in enumerate(workflow.schedules):
        yield ("schedules", index, "cron"), schedule.cron, _LONGEST["cron"]
    for index, check_text in enumerate(workflow.expect.checks if workflow.expect else ()):
        yield ("expect", "checks", index), check_text, _LONGEST_EXPRESSION
    for name, variable in workflow.variables.items():
        yield ("variables", name, "description"), variable.description, _LONGEST_TEXT
    for name, task in (workflow.tasks or {}).items():
        where: Location = ("tasks", name)
        yield (*where, "description"), task.description, _LONGEST_TEXT
        yield (*where, "if"), task.if_, _LONGEST_EXPRESSION
        yield (*where, "pool"), task.pool, _LONGEST["pool"]
        if isinstance(task, OperatorTask):
            yield (*where, "operator"), task.operator, _LONGEST["dotted path"]
    for event, notifiers in _notifiers(workflow):
        for index, each in enumerate(notifiers):
            yield ("notify", event, index, "notifier"), each.notifier, _LONGEST["dotted path"]


def _times(workflow: Workflow) -> Iterator[Finding]:
    """The scheduler adds these to dates, and a date has a last year."""
    duration = workflow.expect.duration if workflow.expect else None
    times: Iterator[tuple[Location, timedelta | None]] = chain(
        _task_times(("defaults",), workflow.defaults),
        *(_task_times(("tasks", name), task) for name, task in (workflow.tasks or {}).items()),
        [
            (("expect", "duration", "min"), duration.min if duration else None),
            (("expect", "duration", "max"), duration.max if duration else None),
        ],
    )
    for where, time in times:
        if time is not None and time > _LONGEST_TIME:
            message = f"a definition from the store may say {_LONGEST_TIME.days}d here at most"
            yield Finding(where, message, RULE)
    if duration is not None and duration.of_usual is not None and duration.of_usual > _LONGEST_FACTOR:
        message = f"a definition from the store may say {_LONGEST_FACTOR} here at most"
        yield Finding(("expect", "duration", "of_usual"), message, RULE)
    start = workflow.start_date
    if start is not None and not _YEARS[0] <= start.year <= _YEARS[1]:
        message = f"a definition from the store starts between {_YEARS[0]} and {_YEARS[1]}"
        yield Finding(("start_date",), message, RULE)


def _task_times(where: Location, times: Any) -> Iterator[tuple[Location, timedelta | None]]:
    yield (*where, "retry_delay"), times.retry_delay
    yield (*where, "timeout"), times.timeout


def _tags(tags: list[str]) -> Iterator[Finding]:
    """Databases that take two tags for one refuse to write the second."""
    seen: set[str] = set()
    for index, tag in enumerate(tags[: _MOST["tags"]]):
        plain = _folded(tag)
        if not plain or len(tag) > _LONGEST["tag"]:
            message = f"a tag in a definition from the store has between 1 and {_LONGEST['tag']} characters"
            yield Finding(("tags", index), message, RULE)
        elif plain in seen:
            yield Finding(("tags", index), f"there is a tag like '{tag}' already; remove one of them", RULE)
        seen.add(plain)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).casefold().strip()
