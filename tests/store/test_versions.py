"""Versions, releases, lists and the audit trail, on each database."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_workflow_provider.store.errors import ConflictError, InvalidTextError, NotFoundError
from airflow_workflow_provider.store.publishing import activate, archive
from airflow_workflow_provider.store.records import Actor, Kind
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.stores import ANN, BOB, RULES, bash_package, calling_workflow, parent_workflow, put, sql_workflow

WORKFLOW, PACKAGE = Kind.WORKFLOW, Kind.PACKAGE


def test_every_published_version_is_kept_with_author_time_message_and_digest(store: WorkflowStore) -> None:
    before = datetime.now(timezone.utc)
    put(store, sql_workflow("daily"), message="first")
    put(store, sql_workflow("daily", "SELECT 2"), actor=BOB, message="second\nwith a second line, ünïcödé 🎈")
    second, first = store.versions(WORKFLOW, "daily")
    assert (first.number, first.author, first.message) == (1, "ann", "first")
    assert (second.number, second.author) == (2, "bob")
    assert second.message == "second\nwith a second line, ünïcödé 🎈"
    assert before <= first.published_at <= second.published_at <= datetime.now(timezone.utc)
    assert first.digest != second.digest
    assert store.definition(WORKFLOW, "daily").version == second
    assert "SELECT 1" in store.definition(WORKFLOW, "daily", 1).source.text


def test_the_same_content_is_no_new_version_and_no_new_release(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"))
    again = put(store, sql_workflow("daily"))
    assert (again.release, again.versions, again.unchanged) == (1, (), ("daily",))
    assert store.newest_release().number == 1


def test_the_content_of_an_older_version_is_a_new_version_that_shares_its_text(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"))
    put(store, sql_workflow("daily", "SELECT 2"))
    put(store, sql_workflow("daily"))
    third, _, first = store.versions(WORKFLOW, "daily")
    assert (third.number, third.digest) == (3, first.digest)
    assert len(store.sources([first, third])) == 1


def test_names_that_differ_in_case_are_different(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"), sql_workflow("Daily"), sql_workflow("DAILY"))
    assert [each.version.name for each in store.definitions()] == ["DAILY", "Daily", "daily"]
    assert store.current(WORKFLOW, "dAILY") is None


def test_a_workflow_and_a_package_may_share_a_name(store: WorkflowStore) -> None:
    put(store, bash_package("load"), calling_workflow("load", "load"))
    kinds = {each.version.kind for each in store.definitions()}
    assert kinds == {WORKFLOW, PACKAGE}


def test_a_release_is_the_set_of_current_versions_and_never_changes(store: WorkflowStore) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    put(store, sql_workflow("a", "SELECT 2"))
    archive(store, WORKFLOW, ["b"], ANN, "", RULES)
    activate(store, WORKFLOW, "a", 1, ANN, "", RULES)
    sets = [
        {(each.name, each.number) for each in store.versions_of(number)}
        for number in range(store.newest_release().number + 1)
    ]
    assert sets == [set(), {("a", 1), ("b", 1)}, {("a", 2), ("b", 1)}, {("a", 2)}, {("a", 1)}]
    assert [each.number for each in store.releases()] == [4, 3, 2, 1]


def test_an_archived_definition_keeps_its_versions_and_can_come_back(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"))
    archive(store, WORKFLOW, ["daily"], ANN, "no longer used", RULES)
    assert store.definitions() == []
    assert [each.archived for each in store.definitions(archived=True)] == [True]
    with pytest.raises(
        NotFoundError, match=r"workflow 'daily' is archived; its last version is 1: .* activate daily 1"
    ):
        store.definition(WORKFLOW, "daily")
    with pytest.raises(NotFoundError, match="archived already"):
        archive(store, WORKFLOW, ["daily"], ANN, "", RULES)
    activate(store, WORKFLOW, "daily", 1, ANN, "", RULES)
    assert store.definition(WORKFLOW, "daily").version.number == 1
    put(store, sql_workflow("daily", "SELECT 2"))
    assert [each.number for each in store.versions(WORKFLOW, "daily")] == [2, 1]


def test_what_is_called_cannot_be_archived(store: WorkflowStore) -> None:
    put(store, bash_package("load"), calling_workflow("a", "load"), parent_workflow("parent", "a"))
    with pytest.raises(ConflictError, match="package 'load' is called by 'a'; archive or change it first"):
        archive(store, PACKAGE, ["load"], ANN, "", RULES)
    with pytest.raises(ConflictError, match="workflow 'a' is called by 'parent'"):
        archive(store, WORKFLOW, ["a"], ANN, "", RULES)
    assert store.newest_release().number == 1
    archive(store, WORKFLOW, ["a", "parent"], ANN, "", RULES)
    archive(store, PACKAGE, ["load"], ANN, "", RULES)
    assert store.versions_of(3) == []


def test_a_version_has_the_packages_of_the_last_release_in_which_it_was_current(store: WorkflowStore) -> None:
    def packages(number: int) -> dict[str, int]:
        version = store.definition(WORKFLOW, "a", number).version
        return {name: package.number for name, package in store.packages_of(version).items()}

    put(store, bash_package("load"), calling_workflow("a", "load"))
    put(store, bash_package("load", "'true 2'"))
    assert packages(1) == {"load": 2}
    put(store, sql_workflow("a"))
    put(store, bash_package("load", "'true 3'"))
    archive(store, PACKAGE, ["load"], ANN, "", RULES)
    assert (packages(1), packages(2)) == ({"load": 2}, {})
    activate(store, PACKAGE, "load", 3, ANN, "", RULES)
    activate(store, WORKFLOW, "a", 1, ANN, "", RULES)
    assert packages(1) == {"load": 3}
    archive(store, WORKFLOW, ["a"], ANN, "", RULES)
    put(store, bash_package("load", "'true 4'"))
    assert packages(1) == {"load": 3}


def test_unknown_names_are_told_with_the_nearest_one(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily_report"))
    with pytest.raises(NotFoundError, match="has no workflow 'dayly_report'; did you mean 'daily_report'"):
        store.definition(WORKFLOW, "dayly_report")
    with pytest.raises(NotFoundError, match="has no version 7; it has 1 to 1"):
        store.definition(WORKFLOW, "daily_report", 7)
    with pytest.raises(NotFoundError, match="has no release 9; its newest is 1"):
        store.workflows_of(9)


def test_lists_show_and_search_what_people_remember(store: WorkflowStore) -> None:
    put(
        store,
        sql_workflow("load_sales", description="Verkäufe laden", owner="finance", tags="[nightly, eu]"),
        sql_workflow("load_stock", schedule="'0 4 * * *'"),
        sql_workflow("big_report"),
        sql_workflow("bigXreport"),
        bash_package("mailer"),
    )

    def found(search: str, kind: Kind | None = None) -> list[str]:
        return [each.version.name for each in store.definitions(kind, search)]

    assert found("LOAD") == ["load_sales", "load_stock"]
    assert found("verkäufe") == found("finance") == found("load eu") == ["load_sales"]
    assert found("VERKÄUFE") == ["load_sales"], "letters that not every database knows in both cases"
    assert found("big_report") == ["big_report"], "a joker of SQL is none here"
    assert found("%") == []
    assert found("", PACKAGE) == ["mailer"]
    sales = store.definitions(search="sales")[0]
    assert (sales.description, sales.owner, sales.tags) == ("Verkäufe laden", "finance", ("nightly", "eu"))
    assert store.definitions(search="stock")[0].schedule == "0 4 * * *"
    names = [each.version.name for each in store.definitions()]
    assert [each.version.name for each in store.definitions(limit=2, offset=1)] == names[1:3]


def test_the_audit_trail_tells_who_did_what(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"), message="first")
    put(store, sql_workflow("daily", "SELECT 2"), sql_workflow("other"), actor=BOB, message="both")
    activate(store, WORKFLOW, "daily", 1, ANN, "roll back", RULES)
    archive(store, WORKFLOW, ["other"], BOB, "gone", RULES)
    told = [(each.actor, each.action, each.name, each.version, each.release, each.message) for each in store.history()]
    assert told == [
        ("bob", "archive", "other", None, 4, "gone"),
        ("ann", "activate", "daily", 1, 3, "roll back"),
        ("bob", "publish", "other", 1, 2, "both"),
        ("bob", "publish", "daily", 2, 2, "both"),
        ("ann", "publish", "daily", 1, 1, "first"),
    ]
    assert [each.action for each in store.history(WORKFLOW, "daily", limit=2)] == ["activate", "publish"]


def test_two_stores_have_different_identities(store: WorkflowStore) -> None:
    again = WorkflowStore(store.engine)
    assert again.identity == store.identity
    assert len(store.identity) == 32


@pytest.mark.parametrize(
    "text",
    ["\x1b[2K\x1b[1A", "a\rbob  archived", "a\u202eb", "\u2066x", "\x85", "\u2028", "\b", "\x7f", "\0"],
)
def test_no_text_of_the_audit_trail_shows_something_else_than_it_is(store: WorkflowStore, text: str) -> None:
    with pytest.raises(InvalidTextError):
        put(store, sql_workflow("daily"), message=text)
    with pytest.raises(InvalidTextError):
        put(store, sql_workflow("daily"), actor=Actor(text, frozenset({"Admin"})))
    assert store.newest_release().number == 0
    assert store.history() == []


def test_a_message_has_an_end(store: WorkflowStore) -> None:
    put(store, sql_workflow("daily"), message="x" * 5_000)
    with pytest.raises(InvalidTextError, match="the message has 5001 characters; 5000 are the most"):
        put(store, sql_workflow("daily", "SELECT 2"), message="x" * 5_001)


def test_a_message_may_have_lines_and_any_language(store: WorkflowStore) -> None:
    message = "first\r\nsecond\n\tשלום \u200f😀"
    put(store, sql_workflow("daily"), message=message)
    assert store.history()[0].message == message
