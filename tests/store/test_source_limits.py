"""What somebody hands over who does not use our programs: kept if it can be a definition, else refused whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.definitions.files import MAX_BYTES
from airflow_workflow_provider.store.drafts import list_drafts, save_draft
from airflow_workflow_provider.store.errors import InvalidTextError
from airflow_workflow_provider.store.publishing import publish
from airflow_workflow_provider.store.records import Kind, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.submission import Submission
from tests.stores import ANN, RULES, new_database, new_store, sql_workflow

TEXT = sql_workflow("daily")
Hand = Callable[[WorkflowStore, Source], Any]


def published(store: WorkflowStore, source: Source) -> object:
    return publish(store, [Submission(Kind.WORKFLOW, source, "daily.workflow.yaml")], ANN, "", RULES)


def drafted(store: WorkflowStore, source: Source) -> object:
    return save_draft(store, Kind.WORKFLOW, "daily", source, ANN)


@pytest.fixture
def store(tmp_path: Path) -> WorkflowStore:  # in place of one in each database: nothing reaches any
    with new_database("sqlite", tmp_path) as url:
        return new_store(url)


@pytest.mark.parametrize("hand_over", [published, drafted])
@pytest.mark.parametrize(
    "path",
    [
        "/etc/x.sql",
        "../x.sql",
        "a/../../x.sql",
        "a//x.sql",
        "./x.sql",
        "a\\x.sql",
        "C:x.sql",
        "x.py",
        "x.sql\n",
        "",
        ".sql/",
        "a\0.sql",
        "\x1b[31m.sql",
        "a b.sql",
        "x" * 250 + ".sql",
    ],
)
def test_files_stand_beside_their_definition(store: WorkflowStore, hand_over: Hand, path: str) -> None:
    with pytest.raises(InvalidTextError, match=r"is not the path of a \.sql file beside its definition") as told:
        hand_over(store, Source(TEXT, "yaml", {path: "SELECT 1"}))
    assert str(told.value).isprintable()
    assert (store.definitions(), list_drafts(store), store.history()) == ([], [], [])


@pytest.mark.parametrize("hand_over", [published, drafted])
def test_nothing_is_larger_than_databases_take(store: WorkflowStore, hand_over: Hand) -> None:
    large = "x" * (MAX_BYTES - 1000)
    for source in (
        Source(TEXT + "#" * MAX_BYTES),
        Source(TEXT, "yaml", {"a.sql": "é" * (MAX_BYTES // 2 + 1)}),
        Source(TEXT, "yaml", {"a.sql": large, "b.sql": large, "c.sql": large}),
    ):
        with pytest.raises(InvalidTextError, match="keep data out of them"):
            hand_over(store, source)
    with pytest.raises(InvalidTextError, match=r"5000 \.sql files at most, this one has 5001"):
        hand_over(store, Source(TEXT, "yaml", {f"{number}.sql": "" for number in range(5_001)}))
    with pytest.raises(InvalidTextError, match="'xml' is no format of definitions; they are yaml or json"):
        hand_over(store, Source(TEXT, "xml"))  # type: ignore[arg-type]
    assert (store.definitions(), list_drafts(store), store.history()) == ([], [], [])


@pytest.mark.parametrize("hand_over", [published, drafted])
def test_files_of_all_kinds_of_names(store: WorkflowStore, hand_over: Hand) -> None:
    hand_over(store, Source(TEXT, "yaml", {"a.sql": "", "sub/größe-1.v2.sql": "SELECT 1"}))
