"""``export``: what it writes, and that it writes all of it or nothing."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from airflow_workflow_provider.store.engine import make_engine
from tests.cli_store.conftest import Run

pytestmark = pytest.mark.usefixtures("sqlite")


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with its text, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_was_published_comes_out_again(run: Run, folder: Path) -> None:
    run("publish first")
    done = run("export --directory out/there")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "out/there/daily.workflow.yaml  written",
        "out/there/hello.workflow.json  written",
        "out/there/report.package.yaml  written",
        "out/there/sql/load.sql         written",
    ]
    for name in ("daily.workflow.yaml", "hello.workflow.json", "sql/load.sql"):
        assert filecmp.cmp(folder / "first" / name, folder / "out" / "there" / name, shallow=False)
    assert run("validate out").err == "no problems in 3 files\n"
    again = run("publish out")
    assert again.out == "release 1\nunchanged: 'daily', 'hello', 'report'\n"
    assert {line.split()[-1] for line in run("export --directory out/there").out.splitlines()} == {"unchanged"}


def test_a_workflow_brings_its_packages_and_nothing_else(run: Run, folder: Path) -> None:
    run("publish first")
    run("export hello --directory a")
    assert set(files(folder / "a")) == {"hello.workflow.json"}
    run("export daily --directory b")
    assert set(files(folder / "b")) == {"daily.workflow.yaml", "report.package.yaml", "sql/load.sql"}
    run("export report --directory c")
    assert set(files(folder / "c")) == {"report.package.yaml"}
    run("export --kind package --directory d")
    assert set(files(folder / "d")) == {"report.package.yaml"}


def test_as_of_a_release(run: Run, folder: Path) -> None:
    run("publish first")
    run("publish second")
    run("archive hello")
    run("export --release 1 --directory one")
    run("export --directory now")
    assert files(folder / "one")["daily.workflow.yaml"] == files(folder / "first")["daily.workflow.yaml"]
    assert "channel: email" in files(folder / "one")["report.package.yaml"]
    assert set(files(folder / "now")) == {"daily.workflow.yaml", "report.package.yaml", "sql/load.sql"}
    assert files(folder / "now")["daily.workflow.yaml"] == files(folder / "second")["daily.workflow.yaml"]
    gone = run("export hello --directory x")
    assert (gone.code, gone.err) == (
        1,
        "error: workflow 'hello' is not in release 3: archived, or not published yet\n",
    )
    assert run("export hello --release 2 --directory x").code == 0


def test_files_that_differ_are_not_overwritten_and_nothing_is_written(run: Run, folder: Path) -> None:
    run("publish first")
    out = folder / "out"
    (out / "sql").mkdir(parents=True)
    (out / "sql" / "load.sql").write_text("mine")
    (out / "hello.workflow.json").write_text("mine too")
    done = run("export --directory out")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: there with another content: 'out/hello.workflow.json', 'out/sql/load.sql'; nothing was written; add "
        "--force to overwrite, or choose another --directory\n"
    )
    assert files(out) == {"hello.workflow.json": "mine too", "sql/load.sql": "mine"}
    assert run("export --directory out --force").code == 0
    assert files(out)["sql/load.sql"] == files(folder / "first")["sql/load.sql"]


def test_two_definitions_with_different_files_of_one_name(run: Run, folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "load.sql").write_text(f"SELECT '{name}'")
        workflow = f"workflow: {name}\ntasks: {{a: {{sql: load.sql, connection: db}}}}\n"
        (folder / name / f"{name}.workflow.yaml").write_text(workflow)
    run("publish one two")
    done = run("export --directory out")
    assert done.code == 1
    assert done.err == (
        "error: workflow 'one' and workflow 'two' have different files 'load.sql'; export them to different "
        "directories\n"
    )
    assert not (folder / "out").exists()


@pytest.mark.parametrize("path", ["../../evil.sql", "/tmp/evil.sql", "a/../../evil.sql", "evil.py"])
def test_a_store_that_somebody_has_changed_writes_nowhere_else(run: Run, folder: Path, sqlite: URL, path: str) -> None:
    run("publish first")
    with make_engine(sqlite).begin() as connection:
        changed = connection.execute(
            text("UPDATE workflow_store_content SET files = REPLACE(files, 'sql/load.sql', :path)"), {"path": path}
        )
        assert changed.rowcount
    done = run("export --directory out")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: workflow 'daily' names the file '{path}', which is not a .sql file beside it; it is not exported\n"
    )
    assert not (folder / "out").exists()


def test_a_folder_that_cannot_be_written(run: Run, folder: Path) -> None:
    run("publish first")
    (folder / "out").write_text("a file")
    done = run("export --directory out")
    assert done.code == 1
    assert done.err.startswith("error: the files cannot be written: 'out")
    (folder / "into" / "daily.workflow.yaml").mkdir(parents=True)
    done = run("export --directory into")
    assert (done.code, files(folder / "into")) == (1, {})


def test_files_have_the_usual_rights(run: Run, folder: Path) -> None:
    run("publish first")
    before = os.umask(0o027)
    try:
        run("export hello")
    finally:
        os.umask(before)
    assert (folder / "hello.workflow.json").stat().st_mode & 0o777 == 0o640


def test_an_empty_store(run: Run) -> None:
    done = run("export")
    assert (done.code, done.out, done.err) == (0, "", "there is nothing to export\n")
