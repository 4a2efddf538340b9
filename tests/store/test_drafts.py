"""Drafts: two people who work on one never overwrite each other."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_workflow_provider.store.drafts import discard_draft, list_drafts, read_draft, save_draft
from airflow_workflow_provider.store.errors import (
    ConflictError,
    InvalidDefinitionsError,
    InvalidNameError,
    NotFoundError,
    StoreError,
)
from airflow_workflow_provider.store.publishing import publish_draft
from airflow_workflow_provider.store.records import Actor, Draft, Kind, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.stores import ANN, BOB, RULES, bash_package, put, sql_workflow

WORKFLOW = Kind.WORKFLOW


def save(store: WorkflowStore, text: str, actor: Actor = ANN, revision: int | None = None) -> Draft:
    return save_draft(store, WORKFLOW, "daily", Source(text), actor, revision=revision, based_on=1)


def test_a_draft_may_be_wrong_and_stands_beside_the_current_version(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"))
    saved = save(store, "workflow: [no")
    assert read_draft(store, WORKFLOW, "daily") == saved
    assert (saved.revision, saved.based_on, saved.author) == (1, 1, "ann")
    assert store.newest_release().number == 1
    assert [each.has_draft for each in store.definitions()] == [True]


def test_who_saves_over_a_text_not_seen_is_told_whose_it_is(store: WorkflowStore) -> None:
    first = save(store, "one")
    save(store, "two", BOB, first.revision)
    with pytest.raises(ConflictError, match=r"bob has saved the draft of workflow 'daily' .* \(revision 2\)"):
        save(store, "three", ANN, first.revision)
    with pytest.raises(ConflictError, match="bob has saved"):
        save(store, "three", ANN, None)
    draft = read_draft(store, WORKFLOW, "daily")
    assert draft is not None
    assert draft.source.text == "two"


def test_a_revision_never_comes_back(store: WorkflowStore) -> None:
    first = save(store, "one")
    discard_draft(store, WORKFLOW, "daily", ANN, revision=first.revision)
    with pytest.raises(ConflictError, match="published or discarded in the meantime"):
        save(store, "two", ANN, first.revision)
    assert save(store, "anew", BOB).revision == 2
    with pytest.raises(ConflictError):
        discard_draft(store, WORKFLOW, "daily", ANN, revision=first.revision)


def test_of_many_who_save_at_once_one_wins_and_all_others_know(store: WorkflowStore) -> None:
    first = save(store, "start")

    def attempt(number: int) -> int | None:
        try:
            save(store, f"text {number}", Actor(f"user {number}"), first.revision)
        except ConflictError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(8)) if number is not None]
    draft = read_draft(store, WORKFLOW, "daily")
    assert draft is not None
    assert [draft.source.text] == [f"text {number}" for number in winners]


def test_publishing_a_draft_takes_it_away(store: WorkflowStore) -> None:
    draft = save(store, sql_workflow("daily"))
    published = publish_draft(store, draft, BOB, "done", RULES)
    assert [(each.number, each.author) for each in published.versions] == [(1, "bob")]
    assert list_drafts(store) == []


def test_a_wrong_or_outdated_draft_is_not_published_and_stays(store: WorkflowStore) -> None:
    wrong = save(store, "workflow: daily\ntasks: {}\n")
    with pytest.raises(InvalidDefinitionsError):
        publish_draft(store, wrong, ANN, "", RULES)
    right = save(store, sql_workflow("daily"), ANN, wrong.revision)
    save(store, sql_workflow("daily", "SELECT 2"), BOB, right.revision)
    with pytest.raises(ConflictError, match="bob has saved"):
        publish_draft(store, right, ANN, "", RULES)
    other = save_draft(store, WORKFLOW, "weekly", Source(sql_workflow("monthly")), ANN)
    with pytest.raises(ConflictError, match="calls itself 'monthly'"):
        publish_draft(store, other, ANN, "", RULES)
    package = save_draft(store, Kind.PACKAGE, "load", Source(bash_package("load")), BOB)
    with pytest.raises(StoreError, match="bob may not change packages"):
        publish_draft(store, package, BOB, "", RULES)
    assert [(each.name, each.revision) for each in list_drafts(store)] == [("daily", 3), ("load", 1), ("weekly", 1)]
    assert store.newest_release().number == 0


@pytest.mark.parametrize(
    ("kind", "name", "problem"),
    [
        (WORKFLOW, "two words", "'two words' is not a valid name; expected letters, digits, '_', '-' and '.'"),
        (WORKFLOW, "", "'' is not a valid name"),
        (WORKFLOW, "a" * 251, "a name has 250 characters at most, this one has 251"),
        (WORKFLOW, "é" * 101, "200 bytes of UTF-8 at most"),
        (WORKFLOW, "cаmpaign", "letters of one script"),
        (WORKFLOW, "../daily", "is not a valid name"),
        (Kind.PACKAGE, "load.orders", "expected a letter or '_', then letters, digits, '_' or '-'"),
        (Kind.PACKAGE, "l" * 201, "a name has 200 characters at most"),
    ],
)
def test_a_draft_has_a_name_under_which_it_can_be_published(
    store: WorkflowStore, kind: Kind, name: str, problem: str
) -> None:
    with pytest.raises(InvalidNameError, match=f"a name that a {kind.value} may have: .*{re.escape(problem)}"):
        save_draft(store, kind, name, Source("anything"), ANN)
    assert list_drafts(store) == []
    assert store.history() == []


def test_what_is_not_there_cannot_be_discarded(store: WorkflowStore) -> None:
    with pytest.raises(NotFoundError, match="workflow 'daily' has no draft"):
        discard_draft(store, WORKFLOW, "daily", ANN, revision=1)
