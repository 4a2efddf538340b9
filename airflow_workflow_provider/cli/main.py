"""Parse, call, and turn whatever a user can do wrong into a sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NoReturn

from airflow_workflow_provider import __version__
from airflow_workflow_provider.cli.command import Command
from airflow_workflow_provider.cli.command_list import COMMANDS, GROUP, GROUP_HELP
from airflow_workflow_provider.cli.console import CommandError, Console, DefinitionErrors, UsageError, printable
from airflow_workflow_provider.store.errors import InvalidDefinitionsError, StoreError

PROGRAM: Final = "python -m airflow_workflow_provider"
ERRORS, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
_COMMANDS: Final = {command.name: command for command in COMMANDS if not command.needs_airflow}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"error: {printable(message)} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m airflow_workflow_provider`` with these arguments and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and not given[0].startswith("-") and given[0] not in _COMMANDS:
        return _unknown_command(given[0])
    arguments = _parser().parse_args(given)
    return execute(arguments.command, arguments, starts_airflow=False)


def execute(command: Command, arguments: argparse.Namespace, *, starts_airflow: bool) -> int:
    """Carry out a command; the exit code says how it went."""
    console = Console.of_process(starts_airflow=starts_airflow)
    try:
        function = getattr(import_module(command.module), command.function)
        code: int = function(arguments, console)
        console.out.flush()
    except UsageError as error:
        for problem in error.args:
            _note_error(problem, console)
        return USAGE
    except DefinitionErrors as error:
        _tell(error, console)
        return ERRORS
    except (StoreError, CommandError) as error:
        if isinstance(error, InvalidDefinitionsError) and error.diagnostics:
            _tell(DefinitionErrors(error.diagnostics), console)
            return ERRORS
        _note_error(str(error), console)
        return ERRORS
    except BrokenPipeError:  # the reader has gone, as `head` does
        _silence_stdout()
        return BROKEN_PIPE
    except OSError as error:
        _silence_stdout()
        what = "the result cannot be written" if error.filename is None else f"'{error.filename}' cannot be used"
        _note_error(f"{what}: {error.strerror or error}", console)
        return USAGE
    except KeyboardInterrupt:
        console.note("\ninterrupted")
        return INTERRUPTED
    return code


def _note_error(problem: str, console: Console) -> None:
    """One line, whatever names and texts are in it."""
    console.note(f"{console.paint_note('error:', 'bold', 'red')} {printable(problem)}")


def _silence_stdout() -> None:
    """What is still buffered is lost anyway; the flush at exit must not complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(error: DefinitionErrors, console: Console) -> None:
    """What is wrong with the definition, where errors belong."""
    from airflow_workflow_provider.cli.report import note_diagnostics, summary

    note_diagnostics(error.diagnostics, console, error.texts)
    console.note(summary(error.diagnostics, (), console))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=f"{GROUP_HELP}, without starting Airflow.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"airflow-workflow-provider {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS.values():
        each = commands.add_parser(command.name, help=command.help, description=command.description, allow_abbrev=False)
        for argument in command.arguments:
            each.add_argument(*argument.flags, **argument.options)
        each.set_defaults(command=command)
    return parser


def _unknown_command(name: str) -> int:
    from airflow_workflow_provider.definitions.diagnostics import unknown_name

    if any(command.name == name for command in COMMANDS):
        sys.stderr.write(f"error: '{name}' needs Airflow; run airflow {GROUP} {name}\n")
        return USAGE
    message = printable(unknown_name("command", name, _COMMANDS))
    sys.stderr.write(f"error: {message} (see {PROGRAM} --help)\n")
    return USAGE
