"""docs/workflow-run.md has every option and every exit code, and the examples of the targets that are not Airflow run.

Those of Airflow are run by tests/system/test_workflow_run.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from airflow_workflow_provider.workflow_run import options
from airflow_workflow_provider.workflow_run.exits import ExitCode
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.examples import furnish
from scripts.test_servers.integrate_io import IntegrateIo
from tests.docs.consoles import agrees, conversation, typed
from tests.docs.pages import ALL_BLOCKS, ROOT, table
from tests.remote_systems import account, studio
from tests.workflow_run.conftest import Runner, with_program

__all__ = ["account", "studio"]

PAGE = (ROOT / "docs" / "workflow-run.md").read_text(encoding="utf-8")


def test_every_option_is_explained() -> None:
    explained = set(re.findall(r"--[a-z-]+", " ".join(row[0] for row in table(PAGE, "Option"))))
    there = {flag for action in options._parser()._actions for flag in action.option_strings if flag.startswith("--")}
    assert explained == there


def test_every_exit_code_is_explained() -> None:
    rows = table(PAGE, "Code")
    assert rows == [[str(int(code)), code.word, code.meaning] for code in ExitCode]


def test_every_key_of_the_document_is_shown() -> None:
    from airflow_workflow_provider.workflow_run.clock import Clock
    from airflow_workflow_provider.workflow_run.document import document
    from airflow_workflow_provider.workflow_run.flow import Ending
    from airflow_workflow_provider.workflow_run.job import Job

    made = document(Ending(ExitCode.OK, "", [Job("wf", 1)]), "", Clock(None))
    for key in [*made, *made["workflows"][0]]:
        assert f'"{key}": ' in PAGE, key


def scrubbed(line: str) -> str:
    """A line without its time."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", line).rstrip()


def test_the_examples_of_the_other_targets(account: IntegrateIo, studio: Aperture, tmp_path: Path) -> None:
    furnish(account, studio)
    studio.times = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z")
    keys = {
        "APERTURE_PASSWORD": studio.password,
        "APERTURE_KEY": studio.api_key,
        "INTEGRATE_IO_KEY": account.api_key,
    }
    env = with_program(tmp_path, {**Runner("").env, **keys})
    codes: list[int] = []
    for block in ALL_BLOCKS:
        if block.page != "docs/workflow-run.md" or block.language != "console" or "--target" not in block.text:
            continue
        for command, shown in conversation(block):
            if command == "echo $?":
                assert shown == [str(codes[-1])], block
                continue
            for url, served in (
                ("https://studio.example.com:7701", studio.served.address),
                ("https://api.xplenty.com", account.base_url),
            ):
                command = command.replace(url, served)
            done = typed(command, env)
            codes.append(done.returncode)
            printed = [scrubbed(line) for line in done.stdout.splitlines()]
            assert agrees([scrubbed(line) for line in shown], printed), f"{block}\n{done.stdout}"
    assert codes == [0, 4, 0]
