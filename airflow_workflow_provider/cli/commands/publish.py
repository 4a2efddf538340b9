"""``publish``: files become versions in the store, all of them or none."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.files import shown
from airflow_workflow_provider.cli.main import ERRORS
from airflow_workflow_provider.cli.progress import Progress
from airflow_workflow_provider.cli.report import as_json, note_diagnostics, summary
from airflow_workflow_provider.cli.stored import published_json
from airflow_workflow_provider.cli.stored_text import published_lines
from airflow_workflow_provider.cli.taken_names import TakenNames
from airflow_workflow_provider.cli.targets import Target, find_targets
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, sort_key
from airflow_workflow_provider.store.errors import InvalidDefinitionsError
from airflow_workflow_provider.store.records import Kind, Published

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.reader import Reading
    from airflow_workflow_provider.store.submission import Submission


def run(arguments: Namespace, console: Console) -> int:
    """Read them all, then publish them."""
    targets = find_targets(arguments.paths)
    try:
        published = _publish(_read(targets.files, console), arguments.message, console)
    except InvalidDefinitionsError as error:
        found = _shown(error.diagnostics)
        if arguments.output == "json":
            nothing: dict[str, object] = {"release": None, "versions": [], "unchanged": []}
            console.write(json.dumps({**nothing, "diagnostics": [as_json(each) for each in found]}, indent=2))
        else:
            note_diagnostics(found, console)
        files = (shown(target.path) for target in targets.files)
        console.note(f"{summary(found, files, console)}; nothing was published")
        return ERRORS
    _tell(published, arguments, console)
    return 0


def _read(files: Sequence[Target], console: Console) -> list[Submission]:
    """All of them; ``InvalidDefinitionsError`` with those that cannot be read."""
    from airflow_workflow_provider.store.submission import read_submission

    submissions: list[Submission] = []
    diagnostics: list[Diagnostic] = []
    with Progress(console, "reading", len(files)) as progress:
        for target in files:
            try:
                submissions.append(read_submission(target.path))
            except InvalidDefinitionsError as error:
                diagnostics += error.diagnostics
            progress.step()
    if diagnostics:
        raise InvalidDefinitionsError("some of the files cannot be read", diagnostics)
    return submissions


def _publish(submissions: Sequence[Submission], message: str, console: Console) -> Published:
    """What is asked of them besides: that Airflow takes them, as where ``validate`` starts Airflow."""
    from airflow_workflow_provider.cli.building import build_problems, find_modules_in
    from airflow_workflow_provider.store import settings
    from airflow_workflow_provider.store.publishing import publish

    find_modules_in(())
    store = settings.open_store()
    taken = TakenNames(store, console)
    workflows = sum(each.kind is Kind.WORKFLOW for each in submissions)
    with Progress(console, "checking", workflows) as progress:

        def check(reading: Reading) -> list[Diagnostic]:
            progress.step()
            return build_problems(reading) + taken.problems(reading)

        return publish(store, submissions, settings.command_line_actor(), message, settings.rules(), check)


def _shown(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return sorted((replace(each, file=shown(each.file)) for each in diagnostics), key=sort_key)


def _tell(published: Published, arguments: Namespace, console: Console) -> None:
    warnings = _shown(published.warnings)
    if arguments.output == "json":
        document = {**published_json(published), "diagnostics": [as_json(each) for each in warnings]}
        console.write(json.dumps(document, indent=2))
        return
    note_diagnostics(warnings, console)
    for line in published_lines(published, console):
        console.write(line)
