"""What may be published: checked against the release that it makes, all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.reader import read_workflow
from airflow_workflow_provider.store.errors import InvalidDefinitionsError, NotPermittedError
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.publishing import activate, archive, publish
from airflow_workflow_provider.store.records import Kind
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.submission import read_submission
from tests.stores import (
    ANN,
    BOB,
    RULES,
    bash_package,
    calling_workflow,
    new_database,
    new_store,
    parent_workflow,
    put,
    sql_workflow,
    submission,
)


@pytest.fixture
def store(tmp_path: Path) -> WorkflowStore:  # in place of one in each database: the checks are the same
    with new_database("sqlite", tmp_path) as url:
        return new_store(url)


def refused(store: WorkflowStore, *texts: str) -> list[str]:
    """What is wrong with definitions; nothing has changed."""
    before = store.newest_release()
    with pytest.raises(InvalidDefinitionsError) as caught:
        put(store, *texts)
    assert store.newest_release() == before
    return [str(each) for each in caught.value.diagnostics if each.is_error]


def test_one_bad_definition_holds_all_back_and_every_error_is_told(store: WorkflowStore) -> None:
    found = refused(
        store,
        sql_workflow("good"),
        "workflow: bad\ntasks: {t: {sql: SELECT 1, depends_on: {x: success}}}\n",
        "package: broken\n",
    )
    assert [each.partition(":")[0] for each in found] == ["bad.workflow.yaml", "broken.package.yaml"]
    assert store.definitions(archived=True) == []


def test_a_text_that_is_no_document_has_its_place(store: WorkflowStore) -> None:
    assert refused(store, "workflow: a\ntasks: [\n")[0].startswith("a.workflow.yaml:2:1: error:")


def test_two_definitions_of_one_name_are_refused(store: WorkflowStore) -> None:
    first, second = submission(sql_workflow("daily")), submission(sql_workflow("daily", "SELECT 2"))
    object.__setattr__(second, "file", "other.workflow.yaml")
    with pytest.raises(InvalidDefinitionsError) as caught:
        publish(store, [first, second], ANN, "", RULES)
    assert "also defined in daily.workflow.yaml" in str(caught.value.diagnostics[0])
    with pytest.raises(InvalidDefinitionsError):
        put(store, sql_workflow("daily"), sql_workflow("daily"))


def test_packages_are_found_in_the_store_and_in_what_is_published_with_it(store: WorkflowStore) -> None:
    assert "unknown package 'lod'" in refused(store, calling_workflow("a", "lod"), bash_package("load"))[0]
    put(store, calling_workflow("a", "load"), bash_package("load"))
    put(store, calling_workflow("b", "load"))
    assert "did you mean 'load'" in refused(store, calling_workflow("c", "laod"))[0]


def test_a_package_that_would_break_its_callers_is_refused_with_their_places(store: WorkflowStore) -> None:
    put(store, bash_package("load"), calling_workflow("a", "load"), calling_workflow("b", "load"))
    found = refused(store, bash_package("load", variables="{day: {required: true}}"))
    assert [each.partition(":")[0] for each in found] == ["a/1.workflow.yaml", "b/1.workflow.yaml"]
    assert all("what is published now would break it" in each for each in found)
    put(
        store,
        bash_package("load", variables="{day: {required: true}}"),
        *(f"workflow: {name}\nvariables: {{day: monday}}\ntasks: {{t: {{package: load}}}}\n" for name in "ab"),
    )


def test_a_workflow_that_would_break_its_callers_is_refused(store: WorkflowStore) -> None:
    put(store, sql_workflow("child"), parent_workflow("parent", "child"))
    found = refused(store, sql_workflow("child", variables="{day: {required: true}}"))
    assert found[0].startswith("parent/1.workflow.yaml:2:")
    assert "workflow 'child' needs 'day'" in found[0]


def test_circles_of_workflows_are_refused_however_they_come(store: WorkflowStore) -> None:
    put(store, sql_workflow("c"), parent_workflow("b", "c"), parent_workflow("a", "b"))
    assert "in a circle" in refused(store, parent_workflow("c", "a"))[0]
    assert "unknown workflow 'd'" in refused(store, parent_workflow("x", "d"))[0]


def test_a_version_that_no_longer_fits_cannot_be_activated(store: WorkflowStore) -> None:
    put(store, bash_package("load"), calling_workflow("a", "load"))
    put(store, sql_workflow("a"))
    archive(store, Kind.PACKAGE, ["load"], ANN, "", RULES)
    with pytest.raises(InvalidDefinitionsError) as caught:
        activate(store, Kind.WORKFLOW, "a", 1, ANN, "", RULES)
    assert "unknown package 'load'" in str(caught.value.diagnostics[0])
    activate(store, Kind.PACKAGE, "load", 1, ANN, "", RULES)
    activate(store, Kind.WORKFLOW, "a", 1, ANN, "", RULES)
    assert {(each.name, each.number) for each in store.versions_of(5)} == {("a", 1), ("load", 1)}


def test_packages_take_a_role(store: WorkflowStore) -> None:
    put(store, bash_package("load"))
    put(store, calling_workflow("a", "load"), actor=BOB)
    message = r"bob may not change packages: .* package_publishers \(Admin\), bob has User"
    with pytest.raises(NotPermittedError, match=message):
        put(store, bash_package("load", "false"), sql_workflow("b"), actor=BOB)
    with pytest.raises(NotPermittedError):
        activate(store, Kind.PACKAGE, "load", 1, BOB, "", RULES)
    with pytest.raises(NotPermittedError):
        archive(store, Kind.PACKAGE, ["load"], BOB, "", RULES)
    nobody = Rules(RULES.trust, frozenset())
    with pytest.raises(NotPermittedError, match=r"\(nobody\)"):
        publish(store, [submission(bash_package("x"))], ANN, "", nobody)


def test_warnings_are_told_and_keep_nothing_back(store: WorkflowStore) -> None:
    published = put(store, bash_package("say", "'echo {{ vars.text }}'", "{text: hello}"))
    assert [each.rule for each in published.warnings] == ["pasted_variable"]
    assert published.release == 1


def test_sql_files_travel_with_the_definition(store: WorkflowStore, tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "load.sql").write_text("SELECT 1;\nSELECT 2")
    definition = tmp_path / "daily.workflow.yaml"
    definition.write_text(
        "workflow: daily\ndefaults: {connection: db}\ntasks:\n  a: {sql: ./sql/load.sql}\n  b: {sql: SELECT 3}\n"
    )
    publish(store, [read_submission(str(definition))], ANN, "", RULES)
    source = store.definition(Kind.WORKFLOW, "daily").source
    assert source.files == {"sql/load.sql": "SELECT 1;\nSELECT 2"}
    (tmp_path / "sql" / "load.sql").write_text("SELECT 4")
    again = publish(store, [read_submission(str(definition))], ANN, "", RULES)
    assert [each.number for each in again.versions] == [2], "another .sql file is another version"


@pytest.mark.parametrize("named", ["missing.sql", "../secret.sql", "/etc/secret.sql"])
def test_a_sql_file_that_is_not_beside_the_definition_is_an_error_at_its_place(
    store: WorkflowStore, tmp_path: Path, named: str
) -> None:
    (tmp_path / "secret.sql").write_text("SELECT 'secret'")
    (tmp_path / "defs").mkdir()
    definition = tmp_path / "defs" / "daily.workflow.yaml"
    definition.write_text(f"workflow: daily\ndefaults: {{connection: db}}\ntasks:\n  a: {{sql: {named}}}\n")
    with pytest.raises(InvalidDefinitionsError) as caught:
        publish(store, [read_submission(str(definition))], ANN, "", RULES)
    assert (caught.value.diagnostics[0].line, caught.value.diagnostics[0].rule) == (4, "sql_file")


def test_links_are_followed_inside_of_the_definitions_folder_only(store: WorkflowStore, tmp_path: Path) -> None:
    """A mounted ConfigMap is full of links; whoever publishes may read more than those who read the store."""
    (tmp_path / "secret.sql").write_text("SELECT 'secret'")
    (tmp_path / "defs" / "..data").mkdir(parents=True)
    (tmp_path / "defs" / "..data" / "load.sql").write_text("SELECT 1")
    (tmp_path / "defs" / "load.sql").symlink_to("..data/load.sql")
    definition = tmp_path / "defs" / "daily.workflow.yaml"
    definition.write_text("workflow: daily\ndefaults: {connection: db}\ntasks:\n  a: {sql: load.sql}\n")
    (tmp_path / "link").symlink_to("defs", target_is_directory=True)
    publish(store, [read_submission(str(tmp_path / "link" / definition.name))], ANN, "", RULES)
    assert store.definition(Kind.WORKFLOW, "daily").source.files == {"load.sql": "SELECT 1"}

    (tmp_path / "defs" / "out").symlink_to(tmp_path)
    (tmp_path / "defs" / "also.sql").symlink_to("../secret.sql")
    with definition.open("a") as more:
        more.write("  b: {sql: [SELECT 2, out/secret.sql]}\n  c: {sql: also.sql}\n")
    with pytest.raises(InvalidDefinitionsError) as caught:
        read_submission(str(definition))
    wrong = "is a link out of the definition's folder; publish a copy of the file instead [sql_file]"
    assert [str(each) for each in caught.value.diagnostics] == [
        f"{definition}:5:23: error: tasks.b.sql[1]: 'out/secret.sql' {wrong}",
        f"{definition}:6:12: error: tasks.c.sql: 'also.sql' {wrong}",
    ]
    assert not any(each.is_error for each in read_workflow(str(definition)).diagnostics), "in a DAG folder it is code"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinitionsError) as caught:
        read_submission(str(tmp_path / "none.workflow.yaml"))
    assert "none.workflow.yaml" in str(caught.value.diagnostics[0])


def test_what_else_is_asked_is_asked_of_workflows_without_errors_only(store: WorkflowStore) -> None:
    asked = []

    def check(reading: object) -> list[Diagnostic]:
        asked.append(reading)
        return [Diagnostic("x", 1, 1, "", "not today", "operator")]

    with pytest.raises(InvalidDefinitionsError):
        publish(store, [submission("workflow: a\ntasks: {}\n")], ANN, "", RULES, check)
    assert asked == []
    with pytest.raises(InvalidDefinitionsError, match="1 error"):
        publish(store, [submission(sql_workflow("a"))], ANN, "", RULES, check)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("there", "new"),
    [
        ("cop", "сор"),
        ("modem", "modern"),
        ("new", "nevv"),
        ("lOad", "10ad"),
        ("AXE", "ΑΧΕ"),
        ("noon", "ոօօո"),
    ],
)
def test_a_name_that_looks_like_another_one_is_refused_and_the_other_is_named(
    store: WorkflowStore, there: str, new: str
) -> None:
    put(store, sql_workflow(there))
    (found,) = refused(store, sql_workflow(new))
    assert found == (
        f"{new}.workflow.yaml:1:11: error: workflow: the name looks like '{there}', another workflow; give it another "
        "name [look_alike_name]"
    )


def test_names_that_look_alike_are_refused_together_and_when_one_comes_back(store: WorkflowStore) -> None:
    assert len(refused(store, sql_workflow("modem"), sql_workflow("modern"))) == 2
    put(store, sql_workflow("modem"))
    put(store, bash_package("modern"))  # packages and workflows are told apart by where they stand
    archive(store, Kind.WORKFLOW, ["modem"], ANN, "", RULES)
    put(store, sql_workflow("modern"))
    with pytest.raises(InvalidDefinitionsError, match="looks like 'modern'"):
        activate(store, Kind.WORKFLOW, "modem", 1, ANN, "", RULES)
    assert put(store, sql_workflow("modern", "SELECT 2")).versions[0].number == 2
