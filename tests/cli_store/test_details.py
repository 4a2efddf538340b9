"""Names, texts that want to upset a terminal, who may do what, and processes."""

from __future__ import annotations

import io
import os
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_workflow_provider.cli import progress
from airflow_workflow_provider.cli.commands import list as list_command
from airflow_workflow_provider.cli.commands import publish
from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.main import main
from airflow_workflow_provider.explain.words import iso_time
from airflow_workflow_provider.store import settings
from airflow_workflow_provider.store.drafts import save_draft
from airflow_workflow_provider.store.records import Actor, Kind, Source
from airflow_workflow_provider.store.settings import open_store
from tests.cli_store.conftest import Run

pytestmark = pytest.mark.usefixtures("sqlite")


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


SIMPLE = "workflow: {}\ntasks: {{a: {{sql: SELECT 1, connection: db}}}}\n"


def test_a_name_that_a_workflow_and_a_package_have(run: Run, folder: Path) -> None:
    write(folder, "both/report.workflow.yaml", SIMPLE.format("report"))
    run("publish first/packages")
    run("publish both")
    assert run("versions report --json").json()[0]["kind"] == "workflow"
    assert run("versions report --json --kind package").json()[0]["kind"] == "package"
    assert "workflow" in run("show report --json").json()
    assert "package" in run("show report --json --kind package").json()
    assert {each["kind"] for each in run("history report --json").json()} == {"workflow"}
    assert run("archive report --kind package --json").json()["archived"] == [{"kind": "package", "name": "report"}]
    assert [each["kind"] for each in run("list --json").json()] == ["workflow"]


def test_a_file_comes_before_a_name_and_a_folder_does_not(run: Run, folder: Path) -> None:
    run("publish first")
    (folder / "daily").mkdir()
    assert "published" in run("show daily").out
    (folder / "hello").write_text("not a definition")
    assert run("show hello").err.startswith("error: 'hello' is not named as a definition")
    assert run("show hello --version 1").code == 2
    assert run("show daily.workflow.yaml").err == "error: there is no file or folder 'daily.workflow.yaml'\n"


def test_what_is_only_a_draft_has_a_history(run: Run) -> None:
    source = Source("workflow: idea\n")
    save_draft(open_store(), Kind.WORKFLOW, "idea", source, Actor("bob"))
    assert run("history idea").out == "<time>  bob  saved a draft of  workflow  idea  -  -\n"
    assert run("history idea --kind package").code == 1


def test_names_need_airflow(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    for command in ("show", "graph", "simulate"):
        assert main([command, "daily"]) == 2
        assert capsys.readouterr().err == (
            f"error: there is no file 'daily'; names in the store are known to airflow workflows {command} only\n"
        )
    for name in ("publish", "db"):
        assert main([name]) == 2
        assert capsys.readouterr().err == f"error: '{name}' needs Airflow; run airflow workflows {name}\n"


def test_texts_of_the_store_cannot_upset_a_terminal(run: Run, folder: Path) -> None:
    head = 'workflow: w\ndescription: "a\\e[31mb\\nc\\u202e"\nschedule: "@daily"\n'
    tasks = "tasks: {a: {sql: \"SELECT '\\e]0;x\\a'\", connection: db}}\n"
    write(folder, "w/w.workflow.yaml", head + tasks)
    assert run("publish w -m", "m\u200e\r\nn").code == 0
    write(folder, "w/w.workflow.yaml", SIMPLE.format("w"))
    run("publish w")
    for line in (
        "list",
        "versions w",
        "history",
        "show w --version 1",
        "diff w 1 2",
        "diff w 1 2 --text",
        "graph w",
        "show \x1b[31m",
        "explain \x1b[31m",
        "explain \x1b[31m/run",
        "runs \x1b[31m",
        "versions --json w",
        "list --json",
    ):
        done = run(line)
        assert not {each for each in done.out + done.err if not each.isprintable()} - {"\n"}, line
    assert "a\\x1b[31mb" in run("show w --version 1").out


def test_numbers_that_no_database_knows(run: Run) -> None:
    run("publish first")
    largest = 2**31 - 1
    for line, what in (
        ("show daily --version {}", "--version"),
        ("activate daily {}", "VERSION"),
        ("diff daily 1 {}", "V2"),
        ("list --limit {}", "--limit"),
        ("history --limit {}", "--limit"),
        ("export --release {}", "--release"),
        ("runs daily --limit {}", "--limit"),
    ):
        done = run(line.format(largest + 1))
        assert (done.code, done.out) == (2, ""), line
        assert done.err == f"error: {what} is {largest + 1}; it must be {largest} or less\n"
    assert (
        run(f"show daily --version {largest}").err
        == "error: workflow 'daily' has no version 2147483647; it has 1 to 1\n"
    )


def test_arguments_that_are_not_utf_8(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("publish first -m", "versions", "list --search"):
        done = run(line, "gr\udcfcn")
        assert (done.code, done.out) == (1, ""), line
        assert done.err.splitlines()[-1] == "error: the character U+DCFC cannot be kept in the store; remove it"
    assert run("list").out == ""
    monkeypatch.setattr(settings, "system_user", lambda: "gr\udcfcn")
    assert run("publish first").code == 0
    assert run("history --json").json()[0]["actor"] == "gr\\udcfcn"


@pytest.mark.usefixtures("database")
def test_names_are_taken_as_they_are_on_each_database(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("db migrate")
    monkeypatch.setattr(settings, "system_user", lambda: "u" * 1000)
    assert run("publish first").code == 0
    assert run("versions daily --json").json()[0]["author"] == "u" * 250
    for line in ("versions 'daily '", "archive 'daily '", "show 'daily '", "export 'daily '"):
        done = run(line)
        assert (done.code, done.err) == (
            1,
            "error: <store> has no workflow or package 'daily '; did you mean 'daily'?\n",
        )


def test_packages_take_a_role(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__COMMAND_LINE_ROLES", "Op")
    done = run("publish first")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: ann may not change packages: that takes one of the roles of [workflows] package_publishers (Admin), "
        "ann has Op\n"
    )
    assert run("publish first/hello.workflow.json").code == 0
    assert run("history --json").json()[0]["actor"] == "ann"


def test_operators_of_the_store_are_asked_for_their_arguments(run: Run, folder: Path) -> None:
    package = (
        "package: {0}\nrun: {{operator: airflow.providers.standard.operators.bash.BashOperator, arguments: {1}}}\n"
    )
    write(folder, "p/good.package.yaml", package.format("good", "{bash_command: 'true'}"))
    write(folder, "p/bad.package.yaml", package.format("bad", "{bash_comand: 'true'}"))
    write(folder, "p/w.workflow.yaml", "workflow: w\ntasks: {a: {package: good}, b: {package: bad}}\n")
    done = run("publish p")
    assert done.code == 1
    assert "BashOperator refuses the arguments" in done.err
    assert done.err.endswith("1 error in 1 of 3 files; nothing was published\n")
    assert run("list").out == ""


def test_warnings_keep_nothing_from_being_published(run: Run, folder: Path) -> None:
    command = "{bash_command: 'echo {{ vars.x }}'}"
    operator = f"run: {{operator: airflow.providers.standard.operators.bash.BashOperator, arguments: {command}}}"
    write(folder, "p/p.package.yaml", f"package: p\nvariables: {{x: 1}}\n{operator}\n")
    done = run("publish p")
    assert (done.code, done.out) == (0, "package  p  version 1\nrelease 1\n")
    assert ": warning: " in done.err
    write(folder, "p/p.package.yaml", f"package: p\nvariables: {{x: 2}}\n{operator}\n")
    assert [each["severity"] for each in run("publish p --json").json()["diagnostics"]] == ["warning"]


def test_files_that_cannot_be_read_are_told_all_at_once(run: Run, folder: Path) -> None:
    write(folder, "bad/a.workflow.yaml", "workflow: [")
    write(folder, "bad/b.workflow.yaml", "")
    write(folder, "bad/c.workflow.yaml", SIMPLE.format("c"))
    done = run("publish bad")
    assert done.code == 1
    assert [line.split(":")[0] for line in done.err.splitlines()[:-1]] == ["bad/a.workflow.yaml", "bad/b.workflow.yaml"]
    assert done.err.endswith("2 errors in 2 of 3 files; nothing was published\n")
    assert run("list").out == ""


def test_two_files_of_one_name_are_not_published(run: Run, folder: Path) -> None:
    for name in ("a", "b"):
        write(folder, f"bad/{name}.workflow.yaml", SIMPLE.format("same"))
    done = run("publish bad")
    assert done.code == 1
    assert "workflow 'same' is also defined in" in done.err


def test_a_file_that_is_named_twice_is_published_once(run: Run, folder: Path) -> None:
    write(folder, "p/below/w.workflow.yaml", SIMPLE.format("w"))
    done = run("publish p/below/w.workflow.yaml ./p/below/w.workflow.yaml p/below/../below/w.workflow.yaml p")
    assert (done.code, done.out, done.err) == (0, "workflow  w  version 1\nrelease 1\n", "")


def test_an_old_version_is_shown_with_its_packages_as_they_were(run: Run, folder: Path) -> None:
    write(folder, "w/w.workflow.yaml", "workflow: w\ntasks: {a: {package: report, variables: {order: 1}}}\n")
    run("publish w first/packages")
    write(folder, "w/w.workflow.yaml", SIMPLE.format("w"))
    run("publish w")
    run("archive report")
    assert "does          package report (" in run("show w --version 1").out
    assert '- package  "report"' in run("diff w 1 2").out


def test_versions_are_compared_with_the_packages_that_they_ran(run: Run, folder: Path) -> None:
    workflow = "workflow: w\ndescription: {}\ntasks: {{a: {{package: report, variables: {{order: 1}}}}}}\n"
    write(folder, "w/w.workflow.yaml", workflow.format("first"))
    run("publish w first/packages")
    write(folder, "w/w.workflow.yaml", workflow.format("second"))
    run("publish w")
    assert {each["path"][0] for each in run("diff w 1 2 --json").json()["differences"]} == {"description"}
    run("publish second/packages")
    assert {each["path"][0] for each in run("diff w 1 2 --json").json()["differences"]} == {"description", "packages"}


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_long_publication_shows_how_far_it_is(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    for number in range(20):
        write(folder, f"many/w{number}.workflow.yaml", SIMPLE.format(f"w{number}"))
    terminal = Terminal()
    arguments = Namespace(paths=["many"], message="", output="text")
    assert publish.run(arguments, Console(io.StringIO(), terminal)) == 0
    shown = terminal.getvalue()
    assert "reading 20 of 20 files …" in shown
    assert "checking 20 of 20 files …" in shown
    assert shown.endswith("\r\x1b[K")


def test_colours_on_a_terminal_only(run: Run) -> None:
    run("publish first")
    out = io.StringIO()
    arguments = Namespace(kind=None, search=None, archived=False, limit=None, output="text")
    assert list_command.run(arguments, Console(out, io.StringIO(), colours=True)) == 0
    assert "\x1b[1mdaily\x1b[0m" in out.getvalue()
    assert "\x1b" not in run("list").out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_times_are_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert iso_time(datetime(2026, 1, 31, 10, tzinfo=there)) == "2026-01-31T08:00:00Z"
