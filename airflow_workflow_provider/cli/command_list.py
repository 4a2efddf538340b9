"""The commands as data, without anything heavy: both entries make their parsers from this."""

from __future__ import annotations

from typing import Final

from airflow_workflow_provider.cli.command import JSON, Argument, Command, format_argument
from airflow_workflow_provider.cli.store_command_list import HOME, KIND, STORE_COMMANDS, VERSION

GROUP: Final = "workflows"
GROUP_HELP: Final = "Check, show and try out workflow definitions, and publish them"

_DEFINITION: Final = (
    Argument(
        ("definition",),
        {
            "metavar": "FILE_OR_NAME",
            "help": "a *.workflow.yaml, .yml or .json file; in `airflow workflows` also a name in the store",
        },
    ),
    VERSION,
)

COMMANDS: Final = (
    Command(
        "init",
        "Make a first workflow, ready to run",
        "Make a folder with a commented workflow, a package and a small SQLite database with its connection: something "
        "to run, to read and to change. What is there already stays as it is.",
        (
            Argument(
                ("folder",),
                {
                    "metavar": "FOLDER",
                    "nargs": "?",
                    "help": "the folder to make (default: first_workflow in Airflow's DAG folder)",
                },
            ),
            JSON,
        ),
        HOME + "init",
        needs_airflow=True,
    ),
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
            format_argument("text", "json", "github", text="text, json, or github for annotations in GitHub Actions"),
            JSON,
            Argument(
                ("-v", "--verbose"),
                {"action": "store_true", "help": "show the line of each problem, as on a terminal"},
            ),
        ),
        HOME + "validate",
    ),
    Command(
        "show",
        "Show a workflow in words",
        "Show a workflow in words: its tasks and when each runs, the nodes that Airflow shows besides "
        "them, and where every variable comes from.",
        (*_DEFINITION, KIND, JSON),
        HOME + "show",
    ),
    Command(
        "graph",
        "Draw a workflow",
        "Draw a workflow: its tasks, its edges with the outcomes they accept, and its decision nodes.",
        (
            *_DEFINITION,
            format_argument("text", "mermaid", "dot", "json", text="text, mermaid, dot for Graphviz, or json"),
            JSON,
        ),
        HOME + "graph",
    ),
    Command(
        "simulate",
        "Tell what a run would do",
        "Tell what a run would do: which tasks run and which do not and why, and how the run ends. Tasks "
        "succeed when nothing else is said, and every `if` is taken to be true. Nothing is run.",
        (
            *_DEFINITION,
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
            JSON,
        ),
        HOME + "simulate",
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
        HOME + "schema",
    ),
    Command(
        "runs",
        "List the runs of a workflow, newest first",
        "List the runs of a workflow, newest first: state, start, duration, what started each, and in short why it "
        "ended as it did. Reads Airflow's database.",
        (
            Argument(("name",), {"metavar": "NAME", "help": "a workflow"}),
            Argument(
                ("--limit",),
                {"metavar": "N", "type": int, "default": 20, "help": "at most that many runs (default: 20)"},
            ),
            Argument(
                ("--state",),
                {
                    "metavar": "STATE",
                    "choices": ("queued", "running", "success", "failed"),
                    "help": "only runs in that state: queued, running, success or failed",
                },
            ),
            JSON,
        ),
        HOME + "runs",
        needs_airflow=True,
    ),
    Command(
        "explain",
        "Tell what a run did and why",
        "Tell what a run did and why: which tasks ran, which did not and the edge or condition that decided it, and "
        "the values of variables with their origin. The run is explained by the definition that it ran with. Reads "
        "Airflow's database; secrets are shown as ***.",
        (
            Argument(
                ("run",),
                {
                    "metavar": "RUN",
                    "help": "a run id, NAME/RUN where several workflows have one of that id, or NAME/latest",
                },
            ),
            Argument(("--workflow",), {"metavar": "NAME", "help": "the workflow of the run"}),
            JSON,
        ),
        HOME + "explain",
        needs_airflow=True,
    ),
    *STORE_COMMANDS,
)
