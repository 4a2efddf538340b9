"""The commands as Airflow wants them; Airflow calls this whenever its own command line starts."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.cli.commands import COMMANDS, GROUP, GROUP_HELP, Command

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_workflows_cli_commands() -> list[CLICommand]:
    """``airflow workflows …``."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    argument_class: Any = Arg  # not typed
    subcommands = tuple(
        ActionCommand(
            name=command.name,
            help=command.help,
            description=command.description,
            func=_function(command),
            args=tuple(argument_class(argument.flags, **argument.options) for argument in command.arguments),
        )
        for command in COMMANDS
    )
    return [GroupCommand(name=GROUP, help=GROUP_HELP, subcommands=subcommands)]


def _function(command: Command) -> Callable[[Namespace], None]:
    def function(arguments: Namespace) -> None:
        from airflow_workflow_provider.cli.main import execute

        sys.exit(execute(command, arguments, starts_airflow=True))

    return function
