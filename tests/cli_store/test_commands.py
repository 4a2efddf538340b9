"""The commands of the store, from the first publication to the archive: whole outputs, on each database."""

from __future__ import annotations

import pytest

from tests.cli_store.conftest import Run, compare, transcript

STORIES = {
    "publishing.txt": (
        "list",
        "publish first -m 'the first ones'",
        "publish first",
        "list",
        "publish second/daily.workflow.yaml second/packages/report.package.yaml --message later",
        "versions daily",
        "versions report",
        "history",
        "publish broken",
        "history --limit 1",
    ),
    "showing.txt": (
        "publish first",
        "publish second",
        "show daily",
        "show daily --version 1",
        "show report",
        "graph daily --version 1",
        "simulate daily --fail load",
        "diff daily 1 2",
        "diff daily 2 2",
        "diff daily 1 2 --text",
        "diff report 1 2",
        "diff report 2 1 --text",
    ),
    "rolling_back.txt": (
        "publish first -m one",
        "publish second -m two",
        "activate daily 1 -m 'wrong hour'",
        "versions daily",
        "activate daily 1",
        "activate daily 2 -m again",
        "archive report",
        "archive daily hello -m 'not needed'",
        "archive report",
        "list",
        "list --archived",
        "versions daily",
        "show daily",
        "activate daily 1",
        "history daily",
        "history --kind package",
    ),
    "errors.txt": (
        "publish first",
        "show nowhere",
        "show dail",
        "show daily --version 7",
        "show daily --version 0",
        "show first/daily.workflow.yaml --version 1",
        "show daily --kind package",
        "show nowhere/daily",
        "graph report",
        "versions hallo",
        "history hallo",
        "diff daily 1 2",
        "diff daily 1 -1",
        "activate daily 3",
        "archive daily report",
        "archive daily hallo",
        "archive report",
        "export hallo",
        "export --release 9",
        "list --limit 0",
        "list --search nothing",
        "publish nowhere",
        "publish first/sql",
    ),
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.usefixtures("database")
def test_what_somebody_sees(run: Run, name: str) -> None:
    run("db migrate")
    compare(name, transcript(run, *STORIES[name]))


JSON = (
    "publish first -m one --json",
    "publish broken --json",
    "publish second -m two --json",
    "list --search orders --json",
    "versions daily --json",
    "show daily --version 1 --json",
    "show report --json",
    "diff daily 1 2 --json",
    "diff report 1 2 --json --text",
    "activate daily 1 --json",
    "archive hello --json",
    "export daily --directory out --json",
    "history --limit 2 --json",
    "db check --json",
)


@pytest.mark.usefixtures("database")
def test_what_a_program_reads(run: Run) -> None:
    run("db migrate")
    seen = []
    for line in JSON:
        done = run(line)
        done.json()
        seen.append(f"$ airflow workflows {line}\n{done.out}")
        assert done.code == (1 if "broken" in line else 0), done
        assert bool(done.err) == ("broken" in line)
    compare("json.txt", "\n".join(seen))
