"""The commands of the store, as data."""

from __future__ import annotations

from typing import Final

from airflow_workflow_provider.cli.command import JSON, Argument, Command

HOME: Final = "airflow_workflow_provider.cli.commands."

KIND: Final = Argument(
    ("--kind",),
    {
        "choices": ("workflow", "package"),
        "help": "whether a name is a workflow's or a package's (default: a workflow's, else a package's)",
    },
)
VERSION: Final = Argument(
    ("--version",), {"metavar": "N", "type": int, "help": "a version in the store (default: the current one)"}
)
_NAME: Final = Argument(("name",), {"metavar": "NAME", "help": "a workflow or package in the store"})
_MESSAGE: Final = Argument(
    ("-m", "--message"), {"metavar": "TEXT", "default": "", "help": "why, for those who read the history"}
)


def _number(name: str, text: str) -> Argument:
    return Argument((name.lower(),), {"metavar": name, "type": int, "help": text})


def _limit(default: int | None) -> Argument:
    told = "all" if default is None else default
    options = {"metavar": "N", "type": int, "default": default, "help": f"at most that many (default: {told})"}
    return Argument(("--limit",), options)


def _command(name: str, summary: str, description: str, *arguments: Argument, module: str) -> Command:
    return Command(name, summary, description, arguments, HOME + module, needs_airflow=True)


_DB: Final = HOME + "db"

STORE_COMMANDS: Final = (
    _command(
        "publish",
        "Publish definitions: each that changed becomes a new version",
        "Publish workflow and package definitions to the store: each that changed becomes a new version, and all "
        "together one release. Folders are searched with all that is below them. Everything is checked first; if "
        "anything is wrong, nothing is published and the exit code is 1.",
        Argument(("paths",), {"metavar": "FILE", "nargs": "+", "help": "definition files, or folders that hold some"}),
        _MESSAGE,
        JSON,
        module="publish",
    ),
    _command(
        "list",
        "List the definitions in the store",
        "List the workflows and packages in the store with their current versions.",
        Argument(("--kind",), {"choices": ("workflow", "package"), "help": "only workflows, or only packages"}),
        Argument(
            ("--search",),
            {"metavar": "TEXT", "help": "only those with these words in their name, description, owner or tags"},
        ),
        Argument(("--archived",), {"action": "store_true", "help": "also those that are archived"}),
        _limit(None),
        JSON,
        module="list",
    ),
    _command(
        "versions",
        "List the versions of a definition, newest first",
        "List the versions of a workflow or package, newest first: who published each, when and why.",
        _NAME,
        KIND,
        JSON,
        module="versions",
    ),
    _command(
        "diff",
        "Tell what differs between two versions",
        "Tell what differs between two versions by what they mean: tasks, edges, variables, schedules and so on, each "
        "with its place. Comments, order and short forms do not count. The exit code is 0 also when they differ.",
        _NAME,
        _number("V1", "a version"),
        _number("V2", "another version"),
        Argument(("--text",), {"action": "store_true", "help": "the lines of their texts that differ, .sql files too"}),
        KIND,
        JSON,
        module="diff",
    ),
    _command(
        "activate",
        "Make another version the current one",
        "Make a version the current one: roll back to an older one, or forward again. It is checked as if it was "
        "published now. Runs that are going keep the version that they started with.",
        _NAME,
        _number("VERSION", "the version that becomes current"),
        _MESSAGE,
        KIND,
        JSON,
        module="activate",
    ),
    _command(
        "archive",
        "Take definitions out of use",
        "Take workflows or packages out of use, all of them or none. Their versions are kept; `activate` brings one "
        "back.",
        Argument(("names",), {"metavar": "NAME", "nargs": "+", "help": "workflows, or packages, in the store"}),
        _MESSAGE,
        KIND,
        JSON,
        module="archive",
    ),
    _command(
        "export",
        "Write definitions from the store to files",
        "Write definitions from the store to files, with the .sql files that they name: those that are given, with "
        "the packages that they use, or all. Files that are there with another content are not overwritten, and then "
        "nothing is written at all.",
        Argument(("names",), {"metavar": "NAME", "nargs": "*", "help": "workflows or packages (default: all)"}),
        Argument(("--directory",), {"metavar": "DIR", "default": ".", "help": "where to (default: this folder)"}),
        Argument(("--release",), {"metavar": "N", "type": int, "help": "as of that release (default: the newest)"}),
        Argument(("--force",), {"action": "store_true", "help": "overwrite files that differ"}),
        KIND,
        JSON,
        module="export",
    ),
    _command(
        "history",
        "Tell who did what in the store, newest first",
        "Tell who published, activated, archived or drafted what, when and why, newest first.",
        Argument(("name",), {"metavar": "NAME", "nargs": "?", "help": "only of that workflow or package"}),
        _limit(50),
        KIND,
        JSON,
        module="history",
    ),
    Command(
        "db",
        "Set up the store's database",
        "Set up the store's database, and follow a new version of this package.",
        needs_airflow=True,
        subcommands=(
            Command(
                "migrate",
                "Create the tables, or bring them to this version of the package",
                "Create the tables of the store, or bring them to what this version of the package needs. Safe to "
                "repeat, and from several places at once.",
                (JSON,),
                _DB,
                needs_airflow=True,
                function="migrate",
            ),
            Command(
                "check",
                "Tell whether the tables are those that this version needs",
                "Tell whether the tables are those that this version of the package needs. Exit code: 0 when they "
                "are, 1 when not.",
                (JSON,),
                _DB,
                needs_airflow=True,
                function="check",
            ),
            Command(
                "downgrade",
                "Take the tables back to an earlier revision",
                "Take the tables back to an earlier revision, before an older version of the package is installed.",
                (
                    Argument(
                        ("revision",),
                        {"metavar": "REVISION", "nargs": "?", "help": "the revision (default: the one before)"},
                    ),
                    JSON,
                ),
                _DB,
                needs_airflow=True,
                function="downgrade",
            ),
        ),
    ),
)
