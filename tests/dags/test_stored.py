"""Definitions from the store, built and run by Airflow: what only the classes tell, and what only a run shows."""

from __future__ import annotations

import inspect
import json
import sqlite3
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.dags.builder import build_dag
from airflow_workflow_provider.dags.errors import BuildError
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.given import GivenSources, given_package
from airflow_workflow_provider.definitions.reader import read_document
from airflow_workflow_provider.definitions.stored.arguments import OF_EVERY_OPERATOR, OWN_OPERATORS
from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS, Trust, matches
from airflow_workflow_provider.operators.client_files import guarded_connection
from airflow_workflow_provider.provider_info import get_provider_info
from tests.dag_test_run import run_folder

TRUST = Trust(
    operators=(*DEFAULT_OPERATORS, "airflow.providers.standard.operators.bash.*", "airflow.providers.smtp.*"),
    connections=("*",),
    notifiers=("tests.notifications.notifiers.*", "airflow.providers.smtp.*"),
)


def build(text: str, trust: Trust | None = TRUST, package: str = "") -> DAG:
    packages = {"p": given_package("p", package, "p.package.yaml")} if package else {}
    reading = read_document(parse(text, "w.workflow.yaml"), GivenSources(packages), trust)
    assert not reading.errors, reading.errors
    assert reading.definition is not None
    return build_dag(compile_workflow(reading.definition), doc_md="x")


def bash(arguments: str) -> str:
    path = "airflow.providers.standard.operators.bash.BashOperator"
    return f"workflow: w\ntasks:\n  a:\n    operator: {path}\n    arguments: {arguments}\n"


def test_every_argument_of_this_airflows_operators_is_known() -> None:
    parameters = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
    assert parameters <= OF_EVERY_OPERATOR


@pytest.mark.parametrize("path", OWN_OPERATORS)
def test_the_arguments_of_own_operators_are_those_of_their_classes(path: str) -> None:
    module, _, name = path.rpartition(".")
    cls = getattr(import_module(module), name)
    own: set[str] = set()
    for each in cls.__mro__:
        if each is BaseOperator:
            break
        own |= set(inspect.signature(each.__init__).parameters) - {"self", "kwargs", "args"}
    assert own == OWN_OPERATORS[path].arguments
    assert inspect.signature(cls.__mro__[1].__init__).parameters
    made = cls(task_id="a", **{name: 1 for name in ("package", "cluster", "workflow") if name in own})
    assert getattr(made, OWN_OPERATORS[path].connection) == OWN_OPERATORS[path].default_connection


def test_the_default_patterns_match_exactly_the_own_operators_that_are_listed() -> None:
    found = {
        f"{module}.{name}"
        for entry in get_provider_info()["operators"]
        for module in entry["python-modules"]
        for name, value in vars(import_module(module)).items()
        if inspect.isclass(value) and matches(f"{module}.{name}", DEFAULT_OPERATORS)
    }
    assert found == set(OWN_OPERATORS)


def test_a_text_is_not_taken_for_the_name_of_a_file() -> None:
    stored: Any = build(bash("{bash_command: secret.sh}")).task_dict["a"]
    assert list(stored.template_ext) == []
    trusted: Any = build(bash("{bash_command: secret.sh}"), None).task_dict["a"]
    assert ".sh" in trusted.template_ext


def test_a_package_keeps_its_files() -> None:
    package = (
        "package: p\nrun:\n  operator: airflow.providers.standard.operators.bash.BashOperator\n"
        "  arguments: {bash_command: job.sh}\n"
    )
    task: Any = build("workflow: w\ntasks: {a: {package: p}}\n", package=package).task_dict["a"]
    assert ".sh" in task.template_ext


def test_sql_is_never_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "entries.json").write_text("secret")
    dag = build("workflow: w\ntasks: {a: {sql: entries.json, connection: c}}\n", None)
    dag.fileloc = str(tmp_path / "dag.py")
    dag.resolve_template_files()  # type: ignore[no-untyped-call]
    task: Any = dag.task_dict["a"]
    assert task.sql == "entries.json"


def test_a_class_is_named_by_the_module_that_defines_it() -> None:
    """``airflow.providers.standard.operators.bash`` has imported other classes, which nobody allowed."""
    text = bash("{}").replace("BashOperator", "BaseOperator")
    with pytest.raises(BuildError, match="is defined elsewhere"):
        build(text)


def test_an_argument_that_a_newer_airflow_gives_to_every_operator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the list were that of an older Airflow."""
    from airflow_workflow_provider.definitions.stored import arguments as stored_arguments

    monkeypatch.setattr(stored_arguments, "OF_EVERY_OPERATOR", frozenset())
    with pytest.raises(BuildError, match="'queue', an argument of every operator"):
        build(bash("{bash_command: id, queue: admins}"))


@pytest.mark.parametrize(
    ("notifier", "arguments", "message"),
    [
        ("tests.notifications.notifiers.BaseNotifier", "{}", "is defined elsewhere"),
        ("tests.notifications.notifiers.Path", "{}", "is defined elsewhere"),
        ("tests.notifications.notifiers.NoSuch", "{}", "has no 'NoSuch'"),
    ],
)
def test_notifiers_are_named_by_the_module_that_defines_them(notifier: str, arguments: str, message: str) -> None:
    text = (
        f"workflow: w\nnotify:\n  on_failure: [{{notifier: {notifier}, arguments: {arguments}}}]\n"
        "tasks: {a: {sql: SELECT 1, connection: c}}\n"
    )
    with pytest.raises(BuildError, match=message):
        build(text)


def test_documentation_is_not_taken_for_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    reading = read_document(parse("workflow: w\ntasks: {a: {sql: SELECT 1}}\n", "w.workflow.yaml"), GivenSources())
    assert reading.definition is not None
    dag = build_dag(compile_workflow(reading.definition), doc_md=str(tmp_path / "secret.md"))
    assert "secret.md" in str(dag.doc_md)


@pytest.mark.parametrize("statement", ["ATTACH '{file}' AS other", "VACUUM INTO '{file}'"])
def test_sqlite_opens_no_other_file(tmp_path: Path, statement: str) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(tmp_path / "own.db", isolation_level=None) as connection:
        connection.execute("CREATE TABLE t (x)")
        assert guarded_connection(SimpleNamespace(get_conn=lambda: connection)) is connection
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|authorization denied"):
            connection.execute(statement.format(file=other))
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert not other.exists()


def test_a_task_is_guarded_only_in_a_definition_from_the_store() -> None:
    text = "workflow: w\ntasks: {a: {sql: SELECT 1, connection: c}}\n"
    guarded = [getattr(build(text, trust).task_dict["a"], "guarded") for trust in (TRUST, None)]  # noqa: B009
    assert guarded == [True, False]


STORED = """# airflow dag
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.dags.builder import build_dag
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.given import GivenSources
from airflow_workflow_provider.definitions.reader import read_document
from airflow_workflow_provider.definitions.stored.trust import Trust

reading = read_document(parse({text!r}, "w.workflow.yaml"), GivenSources(), Trust(connections=("*",)))
with build_dag(compile_workflow(reading.definition)):
    pass
"""


@pytest.mark.usefixtures("airflow_database")
def test_a_run_of_a_stored_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of variables are values, also those that look like templates; SQLite opens its own file only."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/shop.db"}))
    other = tmp_path / "other.db"
    text = f"""
workflow: stored
variables: {{x: "{{{{ conn.shop.host }}}}"}}
defaults: {{connection: shop}}
tasks:
  own: {{sql: "SELECT :x", set: seen}}
  attach: {{sql: "ATTACH '{other}' AS o"}}
  vacuum: {{sql: "VACUUM INTO '{other}'"}}
"""

    def fill(folder: Path) -> None:
        (folder / "stored_dag.py").write_text(STORED.format(text=text))

    finished = run_folder(fill, None, file="stored_dag.py")
    assert finished.states == {"own": "success", "attach": "failed", "vacuum": "failed"}
    assert finished.xcoms["own", "seen"] == "{{ conn.shop.host }}"
    assert not other.exists()
