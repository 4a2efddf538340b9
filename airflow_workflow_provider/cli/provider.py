"""The commands as Airflow wants them; Airflow calls this whenever its own command line starts."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.cli.command import Command
from airflow_workflow_provider.cli.command_list import COMMANDS, GROUP, GROUP_HELP

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_workflows_cli_commands() -> list[CLICommand]:
    """``airflow workflows …``."""
    from airflow.cli.cli_config import GroupCommand

    return [GroupCommand(name=GROUP, help=GROUP_HELP, subcommands=tuple(map(_command, COMMANDS)))]


def _command(command: Command) -> CLICommand:
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    if command.subcommands:
        return GroupCommand(
            name=command.name,
            help=command.help,
            description=command.description,
            subcommands=tuple(map(_command, command.subcommands)),
        )
    argument_class: Any = Arg  # not typed
    return ActionCommand(
        name=command.name,
        help=command.help,
        description=command.description,
        func=_function(command),
        args=tuple(argument_class(argument.flags, **argument.options) for argument in command.arguments),
    )


def _function(command: Command) -> Callable[[Namespace], None]:
    def function(arguments: Namespace) -> None:
        from airflow_workflow_provider.cli.main import execute

        # As Airflow's own commands do: without it connections are not looked up in its database.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        sys.exit(execute(command, arguments, starts_airflow=True))

    return function
