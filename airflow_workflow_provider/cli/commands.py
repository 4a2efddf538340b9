"""The commands as data, without anything heavy: both entries make their parsers from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its flags, or its name, and what ``argparse`` is told about it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A command; ``module`` has ``run(arguments, console) -> exit code`` and is imported when it is called.

    No square brackets in the texts: Airflow takes them for markup.
    """

    name: str
    help: str
    description: str
    arguments: tuple[Argument, ...]
    module: str


GROUP: Final = "workflows"
GROUP_HELP: Final = "Check, show and try out workflow definitions"

_HOME: Final = "airflow_workflow_provider.cli."
_FILE: Final = Argument(("file",), {"metavar": "FILE", "help": "a *.workflow.yaml, .yml or .json file"})


def _format(*choices: str, text: str) -> Argument:
    # The name `output` makes Airflow write its own log lines to stderr, so that they cannot spoil the result.
    return Argument(
        ("-f", "--format"),
        {
            "dest": "output",
            "choices": choices,
            "default": choices[0],
            "help": f"{text} (default: {choices[0]})",
        },
    )


COMMANDS: Final = (
    Command(
        "validate",
        "Check workflow and package definitions and report every problem with its place",
        "Check workflow and package definitions and report every problem with its place. Folders are "
        "searched with all that is below them. `airflow workflows validate` also imports the operators "
        "and hands them their arguments; `python -m airflow_workflow_provider validate` does not start "
        "Airflow and leaves that out. Exit code: 0 without errors (warnings may be there), 1 with errors,"
        " 2 when there is nothing to check.",
        (
            Argument(
                ("paths",),
                {"metavar": "PATH", "nargs": "+", "help": "definition files, or folders that hold some"},
            ),
            _format("text", "json", "github", text="text, json, or github for annotations in GitHub Actions"),
            Argument(
                ("-v", "--verbose"),
                {"action": "store_true", "help": "show the line of each problem, as on a terminal"},
            ),
        ),
        _HOME + "validate",
    ),
    Command(
        "show",
        "Show a workflow in words",
        "Show a workflow in words: its tasks and when each runs, the nodes that Airflow shows besides "
        "them, and where every variable comes from.",
        (_FILE,),
        _HOME + "show",
    ),
    Command(
        "graph",
        "Draw a workflow",
        "Draw a workflow: its tasks, its edges with the outcomes they accept, and its decision nodes.",
        (_FILE, _format("text", "mermaid", "dot", text="text, mermaid, or dot for Graphviz")),
        _HOME + "graph",
    ),
    Command(
        "simulate",
        "Tell what a run would do",
        "Tell what a run would do: which tasks run and which do not and why, and how the run ends. Tasks "
        "succeed when nothing else is said, and every `if` is taken to be true. Nothing is run.",
        (
            _FILE,
            Argument(
                ("--fail",),
                {
                    "metavar": "TASK",
                    "nargs": "+",
                    "action": "extend",
                    "default": [],
                    "help": "tasks that fail",
                },
            ),
            Argument(
                ("--skip",),
                {
                    "metavar": "TASK",
                    "nargs": "+",
                    "action": "extend",
                    "default": [],
                    "help": "tasks that skip themselves (a false `if`, `on_empty: skip`)",
                },
            ),
            _format("text", "json", text="text or json"),
        ),
        _HOME + "simulate",
    ),
    Command(
        "schema",
        "Print the JSON Schema of the definition language",
        "Print the JSON Schema (draft 2020-12) of workflow or package definitions. An editor uses it when"
        " a definition begins with the line `# yaml-language-server: $schema=PATH`.",
        (
            Argument(
                ("kind",),
                {
                    "metavar": "KIND",
                    "nargs": "?",
                    "choices": ("workflow", "package"),
                    "default": "workflow",
                    "help": "workflow or package (default: workflow)",
                },
            ),
        ),
        _HOME + "schema",
    ),
)
