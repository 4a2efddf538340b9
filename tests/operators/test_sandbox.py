"""Where untrusted texts are evaluated: nothing is there but what is given, whatever a check has let through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jinja2
import pytest
from airflow.sdk import BaseOperator
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler.plan import PlannedVariable
from airflow_workflow_provider.definitions import allowed, sandbox
from airflow_workflow_provider.definitions.sandbox import BudgetError, Names, NotAllowedError, sandboxed_expression
from airflow_workflow_provider.definitions.stored.templates import template_problem
from airflow_workflow_provider.operators.variables import RunVariables, TaskVariables
from airflow_workflow_provider.operators.workflow_task import workflow_class

AIRFLOWS = """
    conn var ti task_instance task dag dag_run macros params inlets outlets context self caller range dict lipsum cycler
    joiner namespace config request environ os test_mode templates_dict expanded_ti_count
"""
VALUES = {"text": "abc", "list": [1, 2, 3], "map": {"items": 5, "keys": "k", "a": {"b": [7]}}, "n": 12, "none": None}


def airflows_names() -> list[str]:
    return AIRFLOWS.split()


class Trap:
    """Stands for an object of Airflow's: reading anything of it is noted."""

    touched: list[str] = []  # noqa: RUF012 - one for all, emptied by the test

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__"):
            Trap.touched.append(name)
        return Trap()

    def __getitem__(self, name: str) -> Any:
        Trap.touched.append(str(name))
        return Trap()

    def __iter__(self) -> Iterator[Any]:
        Trap.touched.append("iter")
        return iter(())

    def __str__(self) -> str:
        Trap.touched.append("str")
        return "TRAP"

    def __call__(self, *_: Any) -> Any:
        Trap.touched.append("call")
        return Trap()


def filled(text: str, **values: Any) -> str:
    names = {"vars": Names({**VALUES, **values}.__getitem__), "ds": "2026-01-31"}
    return sandbox.sandbox().from_string(text).render(names)


def holds(expression: str, **values: Any) -> bool:
    return sandboxed_expression(expression)({"vars": Names({**VALUES, **values}.__getitem__)})


NAMES = st.sampled_from([*airflows_names(), "vars", "ds", "x", "y", "loop"])
ATTRIBUTES = st.sampled_from(["password", "x", "text", "list", "__class__", "_ti", "items", "get", "value", "map"])
READS = st.builds(lambda name, parts: ".".join([name, *parts]), NAMES, st.lists(ATTRIBUTES, max_size=3))
EXPRESSIONS = st.recursive(
    READS | st.sampled_from(["1", "'a'", "[]", "vars.list"]),
    lambda inner: st.one_of(
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} | {})".format, inner, st.sampled_from(["list", "default('')", "attr('x')", "first", "string"])),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}({})".format, inner, inner),
    ),
    max_leaves=5,
)
TEMPLATES = st.one_of(
    st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
    st.builds("{{% for {} in {} %}}{{{{ {} }}}}{{% endfor %}}".format, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds("{{% for {} in [] %}}{{% else %}}{{{{ {} }}}}{{% endfor %}}".format, NAMES, EXPRESSIONS),
    st.builds("{{% for {}, y in [[1, 2]] if {} %}}{{{{ {} }}}}{{% endfor %}}".format, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds("{{% if {} %}}{{{{ {} }}}}{{% endif %}}".format, EXPRESSIONS, EXPRESSIONS),
)


@contextmanager
def without_the_checks() -> Iterator[None]:
    """As if every check had a hole: everything that Jinja can read is let through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "refused", lambda *_: None)
        yield


class Written(BaseOperator):
    """An operator of a stored definition, whose author has written its arguments."""

    template_fields = ("text", "made")

    def __init__(self, *, text: str, **options: Any) -> None:
        super().__init__(**options)
        self.text = text
        self.made = {"of": ["it", text]}


class TrappedRun(Trap):
    """What this package reads of a run is there; everything else is a trap."""

    def __getattribute__(self, name: str) -> Any:
        known: dict[str, Any] = {
            "run_type": "manual",
            "run_id": "r",
            "conf": {},
            "logical_date": None,
            "run_after": datetime.now(timezone.utc),
        }
        return known[name] if name in known else super().__getattribute__(name)


@settings(max_examples=400)
@given(TEMPLATES)
def test_nothing_of_airflow_is_in_reach_even_where_no_check_holds(template: str) -> None:
    """On the way that Airflow's task runner takes, with traps in place of all that it has in its context."""
    operator: Any = workflow_class(Written)(task_id="t", text=template)
    variables = {name: PlannedVariable(name, default=value) for name, value in VALUES.items()}
    operator.workflow_variables = TaskVariables("w", "1", "t", declared=variables, stored=True)
    operator.workflow_text_is_stored = True
    context: dict[str, Any] = {name: Trap() for name in airflows_names()}
    Trap.touched.clear()
    with without_the_checks(), suppress(Exception):
        operator.render_template_fields({**context, "dag_run": TrappedRun()})
    assert Trap.touched == []
    with without_the_checks(), suppress(Exception):
        RunVariables(operator.workflow_variables, {**context, "dag_run": TrappedRun()}).render({"x": [template]})  # type: ignore[typeddict-item]
    assert Trap.touched == []


@settings(max_examples=600)
@given(TEMPLATES)
def test_a_template_that_is_let_through_reads_no_name_of_airflows_in_airflows_own_environment(template: str) -> None:
    """The check by itself: what it lets through touches no trap, though all are there."""
    if template_problem(template) is not None:
        return
    Trap.touched.clear()
    traps: dict[str, Any] = {name: Trap() for name in airflows_names()}
    names = {**traps, "vars": VALUES, "ds": "2026-01-31"}
    with suppress(Exception):  # what cannot be filled has read nothing either
        jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(names)
    assert Trap.touched == []


@pytest.mark.parametrize("name", ["conn", "var", "ti", "macros", "dag", "dag_run", "task", "params"])
@pytest.mark.parametrize(
    "template",
    [
        "{{% for {0} in [{0}.finance] %}}{{{{ {0}.password }}}}{{% endfor %}}",
        "{{% for {0} in [] %}}{{% else %}}{{{{ {0}.x.password }}}}{{% endfor %}}",
        "{{% for a, {0} in [(1, {0}.x)] %}}{{{{ {0} }}}}{{% endfor %}}",
        "{{% for x in [1] if {0}.x %}}{{{{ x }}}}{{% endfor %}}",
        "{{% for {0} in vars.list %}}{{% endfor %}}{{{{ {0}.x }}}}",
    ],
)
def test_what_a_loop_binds_is_not_there_outside_of_its_body(name: str, template: str) -> None:
    text = template.format(name)
    assert template_problem(text) is not None
    with pytest.raises(jinja2.UndefinedError, match=f"'{name}' is undefined"):
        filled(text)


@pytest.mark.parametrize("name", ["items", "keys", "a"])
def test_a_key_of_a_value_comes_before_everything_else(name: str) -> None:
    assert filled("{{ vars.map." + name + " }}") == str(VALUES["map"][name])  # type: ignore[index]
    assert holds(f"vars.map['{name}'] == vars.map.{name}")


@pytest.mark.parametrize(
    "read", ["vars.map.values", "vars.text.upper", "vars.list.append", "vars.n.real", "vars.map.b"]
)
def test_there_is_nothing_but_keys_and_positions(read: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        filled("{{ " + read + " }}")
    assert filled("{{ " + read + " is defined }}") == "False"


def test_parts_of_lists_texts_and_times() -> None:
    at = datetime(2026, 1, 31, 8, tzinfo=timezone.utc)
    assert filled("{{ vars.list[0] }}{{ vars.list.2 }}{{ vars.map.a.b[0] }}{{ vars.text[0] }}") == "137a"
    assert (
        filled("{{ vars.at.year }} {{ vars.at | ts_nodash }} {{ vars.at | ds }}", at=at)
        == "2026 20260131T080000 2026-01-31"
    )
    assert holds("(vars.to - vars.at).days == 2", at=at, to=at + timedelta(days=2))


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("{% for a in vars.many %}{{ vars.long }}{% endfor %}", {"many": list(range(1000)), "long": "x" * 10_000}),
        ("{% for a in vars.many %}{% endfor %}", {"many": range(10**9)}),
        ("{% for a in vars.many if false %}{% endfor %}", {"many": list(range(1000))}),
    ],
)
def test_texts_and_steps_have_a_budget(template: str, values: dict[str, Any]) -> None:
    if "if false" in template:
        assert filled(template, **values) == ""
        return
    with pytest.raises((BudgetError, TypeError)):
        filled(template, **values)


@pytest.mark.parametrize("items", ["vars.text", "vars.text | string", "vars.text | list", "vars.n | string | sort"])
def test_a_loop_goes_over_lists_and_mappings_and_not_over_letters(items: str) -> None:
    with pytest.raises(TypeError, match="list or a mapping"):
        filled("{% for letter in " + items + " %}{{ letter }}{% endfor %}")


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("9 ** (9 ** 9)", NotAllowedError),
        ("'a' * 9000000000", NotAllowedError),
        ("vars.text * 9000000000", TypeError),
        ("[vars.text] * 9000000000", TypeError),
        ("vars.text % vars.n", TypeError),
        ("vars.text.center(9000000000)", NotAllowedError),
        ("vars.text | center(9000000000)", NotAllowedError),
        ("vars.big * vars.big", BudgetError),
        ("range(9)", NotAllowedError),
        ("vars.text is callable", NotAllowedError),
        ("vars.text[0:1]", NotAllowedError),
    ],
)
def test_a_condition_computes_nothing_large_and_calls_nothing(expression: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        holds(expression, big=10**700)


@pytest.mark.parametrize(
    "expression",
    [
        "vars.n % 5 == 2 and vars.n // 5 == 2 and vars.n * 2 > 23",
        "vars.price * 2 == vars.total",
        "vars.text in ['abc', 'b'] and vars.none is none",
        "vars.map | length == 3 and vars.list | sum == 6",
        "vars.text + 'd' == 'abcd' and vars.list + [4] == [1, 2, 3, 4]",
        "not vars.map.nothing is defined",
        "(vars.text if vars.n else 'z') | upper == 'ABC'",
    ],
)
def test_conditions_that_people_write(expression: str) -> None:
    assert holds(expression, price=Decimal("1.25"), total=Decimal("2.50"))


def test_every_filter_and_test_of_the_list_is_there() -> None:
    made = sandbox.sandbox()
    assert set(made.filters) >= allowed.FILTERS
    assert set(made.tests) == set(allowed.TESTS)
    assert dict(made.globals) == {}
