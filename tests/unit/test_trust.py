"""What is allowed to definitions from the store, where a file with expected lines (``definitions/*/stored``) is not
enough: names that mean the same, definitions that are too much, and that files of the DAG folder are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan_json import dump_plan, load_plan
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.given import GivenSources, given_package
from airflow_workflow_provider.definitions.reader import Reading, read_document
from airflow_workflow_provider.definitions.stored.sql import file_problem
from airflow_workflow_provider.definitions.stored.templates import template_problem
from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS, Trust, is_plain_id
from tests.unit.reading import messages

DEFAULTS = Trust(operators=DEFAULT_OPERATORS, connections=("*",), refused_connections=("workflow_store",))
NASTY = """
workflow: nasty
tasks:
  a:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {bash_command: id, env: {PASSWORD: "{{ conn.prod.password }}"}}
  b: {sql: "PUT file:///etc/passwd @stage", connection: workflow_store}
"""


def read(text: str, trust: Trust | None = DEFAULTS, packages: Mapping[str, str] | None = None) -> Reading:
    given = {name: given_package(name, each, f"{name}.package.yaml") for name, each in (packages or {}).items()}
    return read_document(parse(text, "w.workflow.yaml"), GivenSources(given), trust)


def workflow(tasks: str, head: str = "") -> str:
    return f"workflow: w\n{head}tasks:\n{tasks}"


def test_a_file_of_the_dag_folder_is_trusted_code() -> None:
    assert not read(NASTY, None).errors
    assert len(read(NASTY).errors) == 3


def test_a_plan_knows_whether_it_comes_from_the_store() -> None:
    text = workflow("  a: {sql: SELECT 1, connection: c}\n")
    plans = []
    for trust in (None, DEFAULTS):
        reading = read(text, trust)
        assert reading.definition is not None
        plans.append(compile_workflow(reading.definition))
    assert [plan.stored for plan in plans] == [False, True]
    assert [load_plan(dump_plan(plan)).stored for plan in plans] == [False, True]
    assert plans[0].version != plans[1].version


@pytest.mark.parametrize("name", ["workflow_store", "WORKFLOW_STORE", "workflow-store", "Workflow.Store", "airflow_db"])
def test_a_connection_is_refused_under_every_name_that_leads_to_it(name: str) -> None:
    assert any("leads to what runs Airflow" in each for each in messages(read(_sql_on(name))))


@pytest.mark.parametrize(
    "name",
    ["workflow_ſtore", "a/../workflow_store", "./workflow_store", "a//b", "/a", "..", "a b", "{{ vars.x }}", "é"],
)
def test_an_id_that_could_lead_elsewhere_is_none(name: str) -> None:
    assert not is_plain_id(name)
    assert read(_sql_on(name)).errors


@pytest.mark.parametrize("name", ["warehouse", "team/warehouse", "my-db.eu", "a:b", "_x"])
def test_ids_of_connections_as_people_have_them(name: str) -> None:
    assert not read(_sql_on(name)).errors


def _sql_on(connection: str) -> str:
    return workflow(f'  a: {{sql: SELECT 1, connection: "{connection}"}}\n')


def test_refused_goes_before_allowed_and_the_sentence_names_the_setting() -> None:
    narrow = Trust(connections=("marketing_*",))
    (message,) = messages(read(_sql_on("sales"), narrow))
    assert message.endswith("connection 'sales'; [workflows] allowed_connections allows 'marketing_*'")
    assert read(_sql_on("marketing_x"), Trust(connections=("*",), refused_connections=("marketing_*",))).errors


def test_packages_are_trusted_whatever_they_run() -> None:
    package = (
        "package: p\nrun:\n  operator: airflow.providers.standard.operators.bash.BashOperator\n"
        '  arguments: {bash_command: id, env: {P: "{{ conn.prod.password }}"}}\n'
    )
    assert not read(workflow("  a: {package: p}\n"), packages={"p": package}).errors


def test_calling_another_workflow_is_allowed() -> None:
    assert not read(workflow("  a: {workflow: other}\n")).errors
    assert not read("workflow: w\nphases: [[a, b], [c]]\n").errors


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "{{ vars.x }}",
        "a {{ vars.x }} b {{ vars['y'] }}",
        "{{ vars.x.y[0].z }}",
        "{{ vars.ds }} {{ ds }} {{ data_interval_start | ts }}",
        "{{ vars.x | default('a' ) | upper }}",
        "{% if vars.x == 1 and not vars.y %}a{% elif vars.z is none %}b{% else %}c{% endif %}",
        "{% for key, value in vars.x | dictsort %}{{ loop.index }} {{ key }}={{ value }}{% endfor %}",
        "{{ vars._x }} {{ vars.a + 1 }} {{ vars.a ~ '-' ~ vars.b }}",
        "{% for a in vars.x %}{{ a }}{% endfor %}{% for b in vars.y %}{{ b }}{% endfor %}",
    ],
)
def test_templates_that_read_variables(text: str) -> None:
    assert template_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "{{ params }}",
        "{{ vars.x }}{{ conn.a }}",
        "{{ task }}",
        "{{ vars.__class__ }}",
        "{{ vars['__class__'] }}",
        "{{ (vars) }}",
        "{{ [vars] }}",
        "{{ vars.x._private }}",
        "{{ vars.x | sum(attribute='__class__') }}",
        "{{ vars.x | join(vars.y) }}",
        "{{ vars.x | default(conn.a) }}",
        "{{ vars.x | round(-1000000) }}",
        "{{ vars.x is callable }}",
        "{% with a = 1 %}{{ a }}{% endwith %}",
        "{% for a in vars.x recursive %}{{ a }}{% endfor %}",
        "{% for a in vars.x %}{% endfor %}{{ a }}",
        "{% filter upper %}a{% endfilter %}",
        "{% raw %}{% endraw %}{{ conn }}",
        "{{ vars.x }}" + "a" * 20_000,
        "{{ " + "-" * 3_000 + "1 }}",
        "{{ " + "+".join(["1"] * 3_000) + " }}",
    ],
)
def test_templates_that_do_more(text: str) -> None:
    readable = read(
        workflow("  a:\n    workflow: b\n    variables:\n      x: |\n        " + text + "\n", "variables: {x: 1}\n")
    )
    assert template_problem(text) is not None or readable.errors


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", True),
        ("/*! LOAD */ DATA lOcAl INFILE 'x'", True),
        ("EXECUTE IMMEDIATE 'load data local infile'", True),
        ("COPY t FROM LOCAL 'x'", True),
        ("# one\n// two\nput file:///etc/passwd @s", True),
        ("; GET @s file:///tmp", True),
        ("\ufeffPUT file:///etc/passwd @s", True),
        ("\u200bPUT file:///etc/passwd @s", True),
        ("/* a /* nested */ comment */ PUT file:///etc/passwd @s", True),
        ("/*! PUT */ file:///etc/passwd", True),
        ("SELECT 1; -- two\nPUT file:///etc/passwd @s", True),
        ("EXPLAIN COPY t FROM LOCAL '/etc/passwd'", True),
        ("PROFILE COPY t FROM LOCAL '/etc/passwd'", True),
        ("SELECT 1;\nCOPY t FROM LOCAL '/etc/passwd'", True),
        ("EXPLAIN SELECT local, copy FROM t", False),
        ("SELECT 'a' /* put it there */ FROM t", False),
        ("UPDATE t SET note = 'put; it there'", False),
        ("SELECT local, copy FROM t", False),
        ("SELECT get, put FROM t", False),
        ("LOAD DATA INFILE 'on the server' INTO TABLE t", False),
        ("COPY t FROM 's3://b'", False),
    ],
)
def test_statements_that_reach_files_of_the_worker(statement: str, refused: bool) -> None:
    assert (file_problem(statement) is not None) == refused


def test_too_many_tasks_edges_and_templates_are_refused_before_they_are_looked_at() -> None:
    tasks = "".join(f"  t{number}: {{sql: SELECT 1}}\n" for number in range(5_001))
    assert messages(read(workflow(tasks))) == ["a definition from the store may have 5000 tasks at most"]
    names = ", ".join(f"w{number}" for number in range(2_000))
    assert messages(read(f"workflow: w\nphases: [[{names}], [{names}]]\n")) == [
        "a definition from the store may have 50000 edges at most"
    ]
    templates = ", ".join(f'"{{{{ vars.ds }}}}{number}"' for number in range(10_001))
    assert messages(read(workflow(f"  a: {{workflow: b, variables: {{x: [{templates}]}}}}\n"))) == [
        "a definition from the store may have 10000 templates at most"
    ]


@pytest.mark.parametrize("name", ["..", ".hidden", "-x", "__init__", "wоrkflow", "ﬁrst", "x" * 201, "é" * 101])
def test_names_that_are_no_good_for_files_or_look_like_others(name: str) -> None:
    assert read(f"workflow: {name}\ntasks: {{a: {{sql: SELECT 1, connection: c}}}}\n").errors


@pytest.mark.parametrize("name", ["a", "a.b-c_1", "_x", "déjà_vu", "заказы", "注文", "x" * 200])
def test_names_that_are_fine(name: str) -> None:
    assert not read(f"workflow: {name}\ntasks: {{a: {{sql: SELECT 1, connection: c}}}}\n").errors
