"""The text of a DAG file: whatever a definition holds, in Python it is that text and nothing else."""

from __future__ import annotations

import ast
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.bundles.dag_files import dag_file_name, dag_file_text, read_dag_file, sources_in
from airflow_workflow_provider.bundles.facts import facts_of
from airflow_workflow_provider.store.records import Kind, ReleasedWorkflow, Source, Version

PIECES = st.sampled_from(
    ["'''", '"""', '"', "'", "\\", "\\\n", "\n", "\r\n", "\r", "\t", "\0", "\x0c", "\u2028", "\u202e", "\ud800",
     "{", "}", "# -*- coding: utf-7 -*-", "\ufeff", "N{BULLET}", "\\x41", "ä", "\U0001f600", "import os",
     "workflow: daily"]
)  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(exclude_categories=())), st.lists(PIECES, max_size=12).map("".join))
SOURCES = st.builds(
    Source, TEXTS, st.sampled_from(["yaml", "json"]), st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=2)
)
NAMES = st.from_regex(r"[\w.\-]{1,250}", fullmatch=True)


def version(name: str = "daily", author: str = "ann", message: str = "", digest: str = "0" * 64) -> Version:
    return Version(Kind.WORKFLOW, name, 3, digest, author, message, datetime(2026, 11, 21, 10, 0, tzinfo=timezone.utc))


def text_of(source: Source, **facts: str) -> str:
    return dag_file_text(facts_of(ReleasedWorkflow(version(**facts))), source, {})


@given(source=SOURCES, package=SOURCES, author=TEXTS, message=TEXTS, name=NAMES)
def test_python_reads_back_exactly_what_was_written(
    source: Source, package: Source, author: str, message: str, name: str
) -> None:
    released = ReleasedWorkflow(version(name, author, message), {"load": version("load")})
    written = dag_file_text(facts_of(released), source, {"load": package}).encode().decode()
    tree = ast.parse(written)
    values = {
        each.targets[0].id: ast.literal_eval(each.value)
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and each.targets[0].id != "dag"
    }
    assert values["DEFINITION"] == source.text
    assert values["FILES"] == source.files
    assert values["PACKAGES"]["load"]["text"] == package.text
    assert (values["WORKFLOW"]["author"], values["WORKFLOW"]["message"]) == (author, message)
    assert [each.digest for each in sources_in(read_dag_file(written))] == [source.digest, package.digest]


@given(source=SOURCES, author=TEXTS)
def test_nothing_of_a_definition_is_run(source: Source, author: str) -> None:
    tree = ast.parse(text_of(source, author=author).encode())
    # One import, constants, and one call whose arguments are names.
    assert [type(each) for each in tree.body] == [ast.ImportFrom, *[ast.Assign] * 6]
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call | ast.Attribute | ast.JoinedStr)]
    assert [ast.unparse(each) for each in calls] == [
        "stored_dag(__file__, WORKFLOW, FORMAT, DEFINITION, FILES, PACKAGES)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "workflow: daily\ntasks:\n  only: {sql: \"SELECT 'ä'\"}\n",
        "workflow: daily\ntasks:\n  only: {sql: \"SELECT 'a\\\\b'\"}\n",
        "workflow: daily\ntasks: {}",
    ],
)
def test_a_definition_is_there_as_it_was_written(text: str) -> None:
    assert text in text_of(Source(text))


def test_no_character_hides_what_the_text_says() -> None:
    written = text_of(Source("workflow: daily\n# \u202e\u2066 reversed \u2069\n"), author="a\u202eb")
    assert written.replace("\n", "").isprintable()


def test_airflows_heuristic_takes_it_for_a_dag_file(tmp_path: Path) -> None:
    from airflow.utils.file import might_contain_dag

    path = tmp_path / "a.py"
    path.write_text(text_of(Source("{}")))
    assert might_contain_dag(str(path), safe_mode=True)


@given(st.sets(NAMES, min_size=2, max_size=20))
def test_names_of_files_are_unique_without_regard_to_case_and_fit_every_file_system(names: set[str]) -> None:
    files = [dag_file_name(name) for name in names]
    assert len({file.casefold() for file in files}) == len(names)
    for file in files:
        assert len(file.encode()) <= 200
        assert file.isascii()
        assert file.endswith(".py")
        assert not file.startswith((".", "-"))


def test_plain_names_are_kept_and_others_stay_readable() -> None:
    assert dag_file_name("team.daily-load_2") == "team.daily-load_2.py"
    assert dag_file_name("Daily").startswith("daily.")
    assert dag_file_name("täglich").startswith("t_glich.")
    taken = dag_file_name("Daily").removesuffix(".py")
    assert dag_file_name(taken) != dag_file_name("Daily")


def test_a_text_of_many_odd_lines_is_one_that_python_can_read() -> None:
    text = "a\r\n" * 50_000
    assert read_dag_file(text_of(Source(text)))["DEFINITION"] == text
