"""The command line of ``workflow-run``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from airflow_workflow_provider import __version__
from airflow_workflow_provider.definitions.durations import parse_duration
from airflow_workflow_provider.definitions.references import TemplateSyntaxError
from airflow_workflow_provider.workflow_run.conditions import Conditions, Expectation
from airflow_workflow_provider.workflow_run.exits import ExitCode, UsageError
from airflow_workflow_provider.workflow_run.flow import Request
from airflow_workflow_provider.workflow_run.scoped import Scoped, split_scope, the_one_for
from airflow_workflow_provider.workflow_run.target_options import AIRFLOW, TARGETS, TargetOptions

_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LOOPBACK: Final = re.compile(r"localhost|::1|127(?:\.\d+){3}")
_DESCRIPTION: Final = """\
Run workflows on an Airflow, an Aperture Data Studio or Integrate.io and wait for them: log in, check that every
workflow exists and can be executed, then run the phases one after the other, the workflows of a phase side by side."""
_EXAMPLE: Final = """\
example:
  workflow-run --url https://airflow.example.com --username scheduler --password-env AIRFLOW_PASSWORD \\
    --phase load --phase score,publish --phase report --timeout 2h"""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. The password itself is never here, only the name of the variable that has it."""

    url: str
    request: Request
    timeout: timedelta | None
    username: str | None
    password_env: str | None
    token_env: str | None
    ca_file: str | None
    json: bool
    target: TargetOptions


def read_options(arguments: Sequence[str] | None) -> Options:
    """Options of a command line; ``UsageError`` for what cannot be right, ``SystemExit`` as argparse has it."""
    parser = _parser()
    given = parser.parse_args(arguments)
    phases = tuple(_phase(text) for text in given.phase)
    workflows = {name for phase in phases for name in phase}
    if given.token_env is None and given.username is None:
        raise UsageError("give --username, or --token-env")
    if given.token_env is not None and given.username is not None:
        raise UsageError("--token-env needs no --username")
    url = _url(given.url)
    target = TargetOptions(given.target, given.environment, given.space, given.names, given.cluster)
    target.check(url, given.username, given.token_env)
    request = Request(
        phases=phases,
        variables=_scoped(given.variable, workflows, _variable),
        conditions=Conditions(
            _scoped(given.min_duration, workflows, lambda text: _duration("--min-duration", text)),
            _scoped(given.max_duration, workflows, lambda text: _duration("--max-duration", text)),
            _scoped(given.expect, workflows, _expectation),
        ),
        lost_contact_after=_positive("--lost-contact-after", given.lost_contact_after),
        continue_on_failure=given.on_failure == "continue",
        cancel_on_interrupt=given.cancel_on_interrupt,
    )
    _check_durations(request.conditions, sorted(workflows))
    target.check_expectations(request.conditions.expectations)
    return Options(
        url=url,
        request=request,
        timeout=None if given.timeout is None else _positive("--timeout", given.timeout),
        username=given.username,
        password_env=given.password_env,
        token_env=given.token_env,
        ca_file=given.ca_file,
        json=given.json,
        target=target,
    )


def is_clear_text(url: str) -> bool:
    """Whether what is sent to an address can be read on its way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and not _LOOPBACK.fullmatch(host)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and where to read on, without the usage of all options."""
        self.exit(ExitCode.USAGE, f"workflow-run: usage: {message}; see workflow-run --help\n")


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code:<4} {code.meaning}" for code in ExitCode)
    parser = _Parser(
        prog="workflow-run",
        description=_DESCRIPTION,
        epilog=f"exit codes:\n{codes}\n\n{_EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add: Callable[..., Any] = parser.add_argument
    add("--target", choices=TARGETS, default=AIRFLOW, help="the system that runs the workflows (airflow)")
    add("--url", required=True, help="its address, with its path if it has one")
    add("--username", metavar="NAME", help="user to log in as; the password is asked for, or see --password-env")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--password-env", metavar="NAME", help="environment variable that holds the password")
    secret.add_argument("--token-env", metavar="NAME", help="environment variable that holds a token or API key")
    add("--environment", metavar="LABEL", help="external label of the environment (aperture, API v2)")
    add("--space", metavar="LABEL", help="external label of the Space of the workflows (aperture, API v2)")
    add("--names", metavar="FILE", help="JSON file with names in the API that are other than assumed (aperture)")
    add(
        "--cluster",
        metavar="ID|nodes=N[,...]",
        help="cluster to run on, or what one must be like to be used or started (integrate-io)",
    )
    many: Callable[..., Any] = partial(add, action="append", default=[])
    add("--ca-file", metavar="FILE", help="certificates to trust instead of the public ones")
    add(
        "--phase",
        action="append",
        required=True,
        metavar="WORKFLOW[,WORKFLOW...]",
        help="workflows that run side by side; one --phase for each phase, in order",
    )
    many(
        "--variable",
        metavar="[WORKFLOW:]NAME=VALUE",
        help="value of a variable, for every workflow that declares it or for one",
    )
    many("--min-duration", metavar="[WORKFLOW:]DURATION", help="shortest time of a run")
    many("--max-duration", metavar="[WORKFLOW:]DURATION", help="longest time of a run")
    many(
        "--expect",
        metavar="[WORKFLOW:]EXPRESSION",
        help="must hold after a run: over variables (rows > 0), outcomes (tasks.load == 'success') or a job's result",
    )
    add("--timeout", metavar="DURATION", help="end after this time, whatever has been reached; runs go on")
    add(
        "--lost-contact-after",
        default="10m",
        metavar="DURATION",
        help="give up when the server has not answered for so long (10m)",
    )
    add(
        "--on-failure",
        choices=("stop", "continue"),
        default="stop",
        help="whether later phases run when a workflow has failed (stop)",
    )
    add("--cancel-on-interrupt", action="store_true", help="stop the runs on Ctrl-C")
    add(
        "--json",
        action="store_true",
        help="one JSON document on standard output at the end, progress on standard error",
    )
    add("--version", action="version", version=f"workflow-run {__version__}")
    return parser


def _url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError as error:
        raise UsageError(f"--url: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("--url: write the whole address, as https://airflow.example.com")
    if parts.username is not None or parts.password is not None:
        raise UsageError("--url: no user name or password in the address; use --username and --password-env")
    if parts.query or parts.fragment:
        raise UsageError("--url: the address may have a path, but nothing after it")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _phase(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"--phase: '{text}' has an empty name")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"--phase: '{twice[0]}' stands twice in one phase")
    return names


def _scoped(texts: Sequence[str], workflows: Collection[str], read: Callable[[str], Any]) -> tuple[Scoped[Any], ...]:
    found = [split_scope(text, workflows) for text in texts]
    return tuple(Scoped(read(scoped.value), scoped.workflow) for scoped in found)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--variable: '{text}' is not NAME=VALUE")
    if not _NAME.fullmatch(name):
        hint = "; what stands before the colon is no workflow of a --phase" if ":" in name else ""
        raise UsageError(f"--variable: '{name}' is no name of a variable{hint}")
    return name, value


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _positive(option: str, text: str) -> timedelta:
    duration = _duration(option, text)
    if not duration:
        raise UsageError(f"{option}: must be longer than nothing")
    return duration


def _check_durations(conditions: Conditions, workflows: Sequence[str]) -> None:
    for workflow in workflows:
        shortest = the_one_for(workflow, conditions.min_duration)
        longest = the_one_for(workflow, conditions.max_duration)
        if shortest is not None and longest is not None and shortest > longest:
            raise UsageError(f"--min-duration is more than --max-duration for '{workflow}': no run could hold both")


def _expectation(text: str) -> Expectation:
    # Not at the top: it brings Jinja, which only expressions need.
    from airflow_workflow_provider.definitions.checks import check_references, compile_check

    try:
        variables, tasks = check_references(text)
        return Expectation(text, compile_check(text), variables, tasks)
    except TemplateSyntaxError as error:
        raise UsageError(f"--expect: {text}: {error}") from None
