"""Whatever is given to the commands: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.main import main
from tests.installed import ROOT

DEEP = "[" * 900 + "]" * 900
DIGITS = "9" * 5_000
TASK = "tasks: {{a: {{sql: SELECT 1, connection: c, {}}}}}\n"
DOCUMENTS = {
    "nul": "workflow: w\ndescription: a\0b\n",
    "deep": f"workflow: w\ntasks: {{a: {{operator: m.O, arguments: {{x: {DEEP}}}}}}}\n",
    "deep_text": f"workflow: w\nvariables: {{x: {{type: json, default: '{'[' * 5_000}{']' * 5_000}'}}}}\n"
    + TASK.format("retries: 1"),
    "digits_json": f"workflow: w\nvariables: {{x: {{type: json, default: '[{DIGITS}]'}}}}\n"
    + TASK.format("retries: 1"),
    "deep_condition": "workflow: w\n" + TASK.format(f"if: '{'(' * 900}vars.x{')' * 900}'"),
    "long_condition": "workflow: w\nvariables: {x: 1}\n" + TASK.format(f"if: 'vars.x{' + 1' * 3_000}'"),
    "deep_template": "workflow: w\n"
    + TASK.format(f"variables: {{x: '{'{% if vars.x %}' * 900}{'{% endif %}' * 900}'}}"),
    "digits": f"workflow: w\nvariables: {{x: {DIGITS}}}\n" + TASK.format("retries: 1"),
    "digits_text": f"workflow: w\nvariables: {{x: {{type: integer, default: '{DIGITS}'}}}}\n"
    + TASK.format("retries: 1"),
    "digits_condition": "workflow: w\n" + TASK.format(f"if: 'vars.x == {DIGITS}'"),
    "digits_template": "workflow: w\n" + TASK.format(f"variables: {{x: '{{{{ vars.x + {DIGITS} }}}}'}}"),
    "digits_check": f"workflow: w\nexpect: {{checks: ['x == {DIGITS}']}}\n" + TASK.format("retries: 1"),
    "digits_cron": f"workflow: w\nschedule: '{DIGITS} * * * *'\n" + TASK.format("retries: 1"),
    "digits_time": "workflow: w\n" + TASK.format(f"timeout: {DIGITS}h, retries: {DIGITS[:900]}"),
    "digits_file": "workflow: w\n" + TASK.format("retries: 1").replace("SELECT 1", f"{DIGITS}.sql"),
}
WRONG = ("", "nowhere", "/dev/zero", "/proc/self/mem", "-", "--", "x" * 5_000, "\udcff", "\x1b[31m", ".", "/etc/passwd")
OPTIONS = ("--json", "--format", "xml", "--fail", "a", "--version", "-1", DIGITS, "--no-such", "--kind", "-v", "\udcff")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in DOCUMENTS.items():
        (tmp_path / f"{name}.workflow.yaml").write_text(text)
    (tmp_path / "pipe.workflow.yaml").symlink_to("/dev/zero")
    (tmp_path / "loop.workflow.yaml").symlink_to("loop.workflow.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["validate", "show", "graph", "simulate"])
@pytest.mark.parametrize("name", [*DOCUMENTS, "pipe", "loop"])
def test_every_hostile_definition_is_told_what_is_wrong_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    assert main([command, f"{name}.workflow.yaml"]) == 1
    captured = capsys.readouterr()
    told = (captured.out + captured.err).splitlines()
    assert f"{name}.workflow.yaml:" in told[0]
    assert ": error: " in told[0]
    assert "sys." not in told[0], "Python's words are no advice"


def test_random_arguments_end_with_an_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random.seed(1)
    files = [f"{name}.workflow.yaml" for name in DOCUMENTS]
    for _ in range(300):
        command = random.choice(["validate", "show", "graph", "simulate", "schema", "publish", "", "\x1b[31m"])
        line = [command, *random.choices([*files, *WRONG, *OPTIONS], k=random.randint(0, 3))]
        try:
            code: object = main(line)
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        assert code in (0, 1, 2), line
        assert captured.err or code == 0, line
        assert "\x1b" not in captured.err + captured.out
        assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "1"}],
)
def test_terminals_that_can_do_little(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "größe.workflow.yaml"
    file.write_text("workflow: größe\ndescription: 表\ntasks: {größe: {sql: SELECT 1}}\n", encoding="utf-8")
    command = [sys.executable, "-m", "airflow_workflow_provider", "validate", str(file)]
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, env=given, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"[shape]" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "> /dev/full", "2> /dev/full", "> /dev/full 2>&1"]
)
def test_streams_that_are_closed_or_full(tmp_path: Path, closed: str) -> None:
    file = tmp_path / "w.workflow.yaml"
    file.write_text("workflow: w\ntasks: {a: {sql: SELECT 1}}\n")
    for command in ("validate", "show", "schema"):
        argument = "" if command == "schema" else file
        line = f"{sys.executable} -m airflow_workflow_provider {command} {argument} {closed}"
        given = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["sh", "-c", line], env=given, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, line
        assert "Exception ignored" not in done.stderr, line
        assert done.returncode in (0, 1, 2), line
