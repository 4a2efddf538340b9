"""``airflow workflows …`` in this process, parsed by Airflow: for tests that cannot wait for it to start each time."""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any


def call(line: str, *arguments: str) -> int:
    """Carry out ``airflow workflows LINE`` and return its exit code."""
    try:
        given = _parser().parse_args(["workflows", *shlex.split(line), *arguments])
        given.func(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    raise AssertionError("commands end with an exit code")


@cache
def _parser() -> Any:
    """Airflow's own, with nothing but our commands."""
    from airflow.cli.cli_config import DefaultHelpParser
    from airflow.cli.cli_parser import AirflowHelpFormatter, _add_command

    from airflow_workflow_provider.cli.provider import get_workflows_cli_commands

    made: Any = DefaultHelpParser(prog="airflow", formatter_class=AirflowHelpFormatter)
    subparsers = made.add_subparsers(dest="subcommand")
    for command in get_workflows_cli_commands():
        _add_command(subparsers, command)
    return made
