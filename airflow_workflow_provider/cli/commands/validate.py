"""``validate``: every problem of every definition, in one order, whatever the order of the arguments."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from airflow_workflow_provider.cli.check import Checker
from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.files import shown
from airflow_workflow_provider.cli.main import ERRORS
from airflow_workflow_provider.cli.progress import Progress
from airflow_workflow_provider.cli.report import github_lines, json_text, summary, text_lines
from airflow_workflow_provider.cli.targets import find_targets
from airflow_workflow_provider.definitions.diagnostics import Diagnostic


def run(arguments: Namespace, console: Console) -> int:
    """Check what the paths name."""
    targets = find_targets(arguments.paths)
    if console.starts_airflow:
        from airflow_workflow_provider.cli.building import find_modules_in

        find_modules_in(targets.module_folders)
    checker = Checker(starts_airflow=console.starts_airflow)
    with Progress(console, "checking", len(targets.files)) as progress:
        for file in targets.files:
            checker.check(file)
            progress.step()
    for folder in targets.folders:
        checker.check_names(folder)
    diagnostics = checker.diagnostics()
    _write(diagnostics, arguments, console)
    console.out.flush()
    console.note(summary(diagnostics, (shown(target.path) for target in targets.files), console))
    return ERRORS if any(diagnostic.is_error for diagnostic in diagnostics) else 0


def _write(diagnostics: Sequence[Diagnostic], arguments: Namespace, console: Console) -> None:
    if arguments.output == "json":
        console.write(json_text(diagnostics))
    elif arguments.output == "github":
        for line in github_lines(diagnostics):
            console.write(line)
    else:
        with_source = arguments.verbose or console.is_terminal
        for line in text_lines(diagnostics, console, with_source=with_source):
            console.write(line)
