"""Every command line that the documentation shows gives what the documentation shows."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.command_list import COMMANDS
from airflow_workflow_provider.store import settings
from tests import airflow_cli
from tests.docs.consoles import agrees, conversation, typed
from tests.docs.pages import ALL_BLOCKS, PAGES, ROOT, Block, page_name, sections, workspace

# These talk to an Airflow: tests/system/test_workflow_run.py runs them.
SYSTEM_PAGES = ("docs/workflow-run.md",)
CONSOLES = [block for block in ALL_BLOCKS if block.language == "console" and block.page not in SYSTEM_PAGES]
OUTPUTS = [block for block in ALL_BLOCKS if block.directive == "output of"]
NAMES = {command.name for command in COMMANDS}

AIRFLOW = "airflow workflows "

Run = Callable[[str, str], "tuple[str, int]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, airflow_database: None) -> Run:
    """Run a command line in the workspace of a page: what it prints and its exit code."""
    paths = {page_name(path): path for path in PAGES}
    folder = cache(lambda page: workspace(paths[page], tmp_path_factory.mktemp("page")))
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TERM")},
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }

    def run_in_airflow(page: str, line: str) -> tuple[str, int]:
        """In this process: starting Airflow takes seconds."""
        output = io.StringIO()
        store = folder(page) / "workflows.db"
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
            patch.chdir(folder(page))
            patch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder(page) / "dag folder"))
            patch.setattr(settings, "system_user", lambda: "ann")
            patch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", json.dumps({"conn_type": "sqlite", "host": str(store)}))
            code = airflow_cli.call(line)
        return output.getvalue(), code

    def run_command(page: str, command: str) -> tuple[str, int]:
        if command.startswith(AIRFLOW):
            return run_in_airflow(page, command.removeprefix(AIRFLOW))
        done = typed(command, environment, folder(page))
        return done.stdout, done.returncode

    return run_command


@pytest.mark.parametrize("page", sorted({block.page for block in CONSOLES}))
def test_the_console_examples_of_a_page_print_what_they_show(page: str, run: Run) -> None:
    """From its top to its end, as a reader types them: an example may go on from the one before."""
    for block in CONSOLES:
        if block.page == page:
            check_example(block, run)


def check_example(block: Block, run: Run) -> None:
    code = 0
    for command, shown in conversation(block):
        if command == "echo $?":
            printed = [str(code)]
        else:
            output, code = run(block.page, command)
            printed = [line.rstrip() for line in output.splitlines()]
            assert code in (0, 1), f"{block}: {command}\n{output}"
        difference = "\n".join(difflib.unified_diff(shown, printed, "shown", "printed", lineterm=""))
        assert agrees(shown, printed), f"{block}: {command}\n{difference}"


@pytest.mark.parametrize("block", OUTPUTS, ids=str)
def test_an_output_is_what_its_command_prints(block: Block, run: Run) -> None:
    output, code = run(block.page, block.subject)
    assert code == 0, output
    assert block.text == output, f"{block}: paste the output of {block.subject} again"


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_only_commands_and_targets_that_exist_are_mentioned(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"`[^`\n]+`|^[^`]*\bmake .*$|^\$ .*$", text, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = re.findall(r"(?:airflow workflows|python -m airflow_workflow_provider) ([a-z]+)", text)
    assert set(named) <= NAMES, sorted(set(named) - NAMES)
    made = re.findall(r"(?:^|`)make (?:[A-Z_]+=\S+ )*([a-z-]+)", code, flags=re.MULTILINE)
    assert set(made) <= targets, sorted(set(made) - targets)


def test_every_command_has_a_section_with_its_arguments_and_an_example() -> None:
    pages = sections(ROOT / "docs" / "command-line.md")
    for command in COMMANDS:
        assert command.name in pages, f"docs/command-line.md has no section '{command.name}'"
        section = pages[command.name]
        # What reads Airflow's database is shown with a golden text of its tests, not run here.
        example = "airflow workflows" if command.needs_airflow else "$ python -m airflow_workflow_provider"
        for each in command.subcommands or (command,):
            name = each.name if each is command else f"{command.name} {each.name}"
            assert f"{example} {name}" in section, f"no example of {name}"
            for argument in each.arguments:
                flag = next((flag for flag in argument.flags if flag.startswith("--")), argument.options.get("metavar"))
                assert f"`{flag}" in section, f"{name}: {flag} is not explained"


@pytest.mark.parametrize("block", [block for block in ALL_BLOCKS if block.language in ("sh", "console")], ids=str)
def test_a_shell_block_is_one_of_the_two_kinds(block: Block) -> None:
    prompts = any(line.startswith("$ ") for line in block.text.splitlines())
    assert prompts == (block.language == "console"), f"{block}: console has prompts and is run, sh has none"
