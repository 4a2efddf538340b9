"""``workflow-run``: from the command line to the exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.workflow_run.clock import Clock
from airflow_workflow_provider.workflow_run.credentials import is_terminal, read_credentials
from airflow_workflow_provider.workflow_run.exits import ExitCode, UsageError
from airflow_workflow_provider.workflow_run.flow import Ending, Flow
from airflow_workflow_provider.workflow_run.options import Options, is_clear_text, read_options
from airflow_workflow_provider.workflow_run.report import PlainReport, Report, say, verdict
from airflow_workflow_provider.workflow_run.target_options import AIRFLOW


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        _write_anything(stream)
    try:
        options = read_options(arguments)
        _interrupt_on_other_signals()
        return _run(options)
    except UsageError as error:
        say(verdict(ExitCode.USAGE, str(error)), sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        say(verdict(ExitCode.INTERRUPTED, "interrupted"), sys.stderr)
        return ExitCode.INTERRUPTED


def _run(options: Options) -> int:
    # Not at the top: --help and --version do without httpx.
    from airflow_workflow_provider.workflow_run.targets import make_target

    clock, report = Clock(options.timeout), _report(options)
    credentials = read_credentials(options.username, options.password_env, options.token_env, os.environ)
    target = make_target(options, credentials, clock)
    if options.target.target != AIRFLOW:
        _tell_of_calls(report)
    if is_clear_text(options.url):
        secret = "token" if options.token_env else "password"
        say(f"workflow-run: warning: {options.url} is not https: the {secret} travels in clear", sys.stderr)
    ending = Flow(target, options.request, clock, report).run()
    target.close()
    _print(ending, options, clock)
    return ending.code


def _write_anything(stream: object) -> None:
    """A console that has no code for a character gets an escape, not an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _interrupt_on_other_signals() -> None:
    """Being asked to end is the same as Ctrl-C; Windows has no such request but Ctrl-Break."""
    for name in ("SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.default_int_handler)


def _tell_of_calls(report: Report) -> None:
    """What happens within a start (lost answers, clusters) is progress too."""
    import logging

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.note(record.getMessage())

    log = logging.getLogger("airflow_workflow_provider.remote")
    log.addHandler(Notes())
    log.setLevel(logging.INFO)
    log.propagate = False


def _report(options: Options) -> Report:
    """A table on a terminal, lines elsewhere and where there is no rich."""
    if not options.json and is_terminal(sys.stdout):
        try:
            from airflow_workflow_provider.workflow_run.table import TableReport
        except ImportError:
            pass
        else:
            return TableReport(sys.stdout)
    return PlainReport(sys.stderr if options.json else sys.stdout)


def _print(ending: Ending, options: Options, clock: Clock) -> None:
    """What is wrong, what is still going on, and the verdict; or the document."""
    for workflow, problem in ending.problems:
        text = f"{workflow}: {problem}" if workflow else problem
        say(f"workflow-run: {one_line(text, limit=4000)}", sys.stderr)
    for job in ending.jobs:
        if job.is_under_way and job.run is not None:
            say(f"workflow-run: {job.workflow}: look at {job.run.url or job.run.id}", sys.stderr)
    to_stdout = ending.code is ExitCode.OK and not options.json
    say(verdict(ending.code, ending.message), sys.stdout if to_stdout else sys.stderr)
    if options.json:
        import json

        from airflow_workflow_provider.workflow_run.document import document

        lost = say(json.dumps(document(ending, options.url, clock), indent=2), sys.stdout)
        if lost is not None:
            say(f"workflow-run: warning: the document of --json could not be written: {lost}", sys.stderr)
