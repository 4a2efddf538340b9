"""Whatever stands in a file, reading it gives a definition that compiles or at least one error with its place."""

from __future__ import annotations

import copy
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.definitions.reader import Reading, read_workflow
from tests.unit.reading import HEAD, SMALLEST, check_reading, messages, read, read_data

VALID: dict[str, Any] = {
    "workflow": "campaign",
    "description": "all of it",
    "tags": ["a"],
    "schedule": "30 23 * * *",
    "start_date": "2026-01-01",
    "variables": {"region": "EU", "found": {"type": "integer"}, "limit": {"type": "number", "default": 1.5}},
    "defaults": {"connection": "db", "retries": 2, "retry_delay": "1m"},
    "outcome": "handled",
    "tasks": {
        "find": {"sql": "SELECT id FROM c WHERE d = :ds", "set": "found", "on_empty": "skip"},
        "use": {"sql": ["UPDATE c SET x = :found", "SELECT 1"], "depends_on": "find", "if": "vars.region == 'EU'"},
        "tell": {
            "operator": "a.b.C",
            "arguments": {"text": ["{{ vars.found }}", {"k": None}]},
            "depends_on": {"find": ["failure", "skipped"], "use": "completion"},
            "constraint": "any",
        },
    },
}


class _QuotedText(yaml.SafeDumper):
    """Writes texts in quotes: PyYAML knows YAML 1.1, where ``0E0`` is no number."""


_QuotedText.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))

YAML = yaml.safe_dump(VALID, sort_keys=False)
ODD = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        "",
        " ",
        "x",
        "a b",
        [],
        {},
        [None],
        {"x": 1},
        "{{ vars.x",
        ":x '",
        "é",
        "x" * 300,
        ["a", "a"],
    ]
) | st.text(max_size=8)
KEYS = st.sampled_from(
    ["sql", "set", "tasks", "depends_on", "variables", "if", "ds", "find", "tell", "<<", ""]
) | st.text(max_size=5)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The valid document with some keys dropped, renamed, added, and some values replaced."""
    data = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(data))
        if not places:
            break
        parent, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["drop", "replace", "rename", "add", "copy"]))
        if change == "drop":
            del parent[key]
        elif change == "replace":
            parent[key] = copy.deepcopy(draw(ODD))
        elif isinstance(parent, list):
            parent.insert(key, copy.deepcopy(draw(ODD)))
        elif change == "rename":
            parent[draw(KEYS)] = parent.pop(key)
        elif change == "copy":
            parent[draw(KEYS)] = copy.deepcopy(parent[key])
        else:
            parent[draw(KEYS)] = copy.deepcopy(draw(ODD))
    return dict(json.loads(json.dumps(data)))  # no value twice in it, which YAML would write with an alias


def _read_bytes(content: bytes, name: str) -> Reading:
    with tempfile.TemporaryDirectory() as folder:
        return read(Path(folder), content, name)


def _said(reading: Reading) -> list[tuple[str, str, str]]:
    return sorted((each.location, each.message, each.rule) for each in reading.diagnostics)


@settings(max_examples=300)
@given(mutated())
def test_a_mutated_document_is_read_and_json_says_what_yaml_says(data: dict[str, Any]) -> None:
    from_json = _read_bytes(json.dumps(data).encode(), "w.workflow.json")
    from_yaml = _read_bytes(yaml.dump(data, Dumper=_QuotedText, sort_keys=False).encode(), "w.workflow.yaml")
    if any(each.rule == "syntax" for each in (*from_json.diagnostics, *from_yaml.diagnostics)):
        assert from_json.errors
        assert from_yaml.errors
        return
    assert _said(from_json) == _said(from_yaml)
    assert from_json.definition == from_yaml.definition


@settings(max_examples=300)
@given(st.data())
def test_text_inserted_anywhere(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(YAML)))
    inserted = data.draw(
        st.text(max_size=6) | st.sampled_from([": ", "\n", "\t", "- ", "&a ", "*a", "!!x ", "'", '"', "{", "]"])
    )
    _read_bytes((YAML[:at] + inserted + YAML[at:]).encode("utf-8", "replace"), "w.workflow.yaml")


@settings(max_examples=200)
@given(st.integers(0, len(YAML)), st.sampled_from([YAML, json.dumps(VALID, indent=1)]))
def test_text_cut_off_anywhere(at: int, text: str) -> None:
    name = "w.workflow.json" if text.startswith("{") else "w.workflow.yaml"
    _read_bytes(text.encode()[:at], name)


@settings(max_examples=200)
@given(st.binary(max_size=60), st.sampled_from(["w.workflow.yaml", "w.workflow.json"]))
def test_any_bytes(content: bytes, name: str) -> None:
    assert _read_bytes(content, name).errors


def test_the_valid_document_is_valid(tmp_path: Path) -> None:
    assert read(tmp_path, YAML).diagnostics == ()
    assert read_data(tmp_path, VALID).definition == read(tmp_path, YAML).definition


def test_the_same_text_gives_the_same_plan(tmp_path: Path) -> None:
    first, second = (compile_workflow(_definition(read(tmp_path, YAML))) for _ in range(2))
    assert first == second


def _definition(reading: Reading) -> Any:
    assert reading.definition is not None
    return reading.definition


@pytest.mark.parametrize("path", ["missing.workflow.yaml", "", "a\0b.workflow.yaml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    [diagnostic] = read_workflow(str(tmp_path / path)).diagnostics
    assert "cannot be read" in diagnostic.message


def _chain(number: int) -> dict[str, Any]:
    return {f"t{n}": {"sql": f"SELECT {n}", **({"depends_on": f"t{n - 1}"} if n else {})} for n in range(number)}


def _fan(number: int) -> dict[str, Any]:
    middle = {f"t{n}": {"sql": "SELECT 1", "depends_on": "first"} for n in range(number)}
    return {"first": {"sql": "SELECT 1"}, **middle, "last": {"sql": "SELECT 1", "depends_on": list(middle)}}


def _handlers(number: int) -> dict[str, Any]:
    chain = _chain(number)
    alerts = {f"h{n}": {"sql": "SELECT 1", "depends_on": {f"t{n}": "failure"}} for n in range(number)}
    return {**chain, **alerts, "end": {"sql": "SELECT 1", "depends_on": [f"t{number - 1}", f"t{number - 2}"]}}


def _ladder(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"a0": {"sql": "SELECT 1"}, "b0": {"sql": "SELECT 1"}}
    for n in range(1, number):
        for side in "ab":
            found[f"{side}{n}"] = {"sql": "SELECT 1", "depends_on": [f"a{n - 1}", f"b{n - 1}"]}
    return found


def _circle(number: int) -> dict[str, Any]:
    return {f"t{n}": {"sql": "SELECT 1", "depends_on": f"t{(n + 1) % number}"} for n in range(number)}


def _behind_a_circle(number: int) -> dict[str, Any]:
    return {**_chain(number), "t0": {"sql": "SELECT 1", "depends_on": "t1"}}


def _unknown_sources(number: int) -> dict[str, Any]:
    return {f"task_{n}": {"sql": "SELECT 1", "depends_on": f"tsk_{n}"} for n in range(number)}


def _unknown_variables(number: int) -> dict[str, Any]:
    return {f"t{n}": {"sql": f"SELECT :v{n}"} for n in range(number)}


def _unknown_keys(number: int) -> dict[str, Any]:
    return {f"t{n}": {"sql": "SELECT 1", "colour": 1} for n in range(number)}


SEVERAL_SECONDS = 4.0  # a tenth of that on an idle machine: what is guarded against takes minutes


@pytest.mark.parametrize("tasks", [_chain(5000), _fan(5000), _handlers(2500), _ladder(2500)])
def test_thousands_of_tasks_work(tmp_path: Path, tasks: dict[str, Any]) -> None:
    started = time.process_time()
    assert read_data(tmp_path, {"workflow": "w", "tasks": tasks}).diagnostics == ()
    assert time.process_time() - started < SEVERAL_SECONDS


@pytest.mark.parametrize(
    "tasks",
    [_circle(5000), _behind_a_circle(5000), _unknown_sources(5000), _unknown_variables(5000), _unknown_keys(5000)],
)
def test_thousands_of_wrong_tasks(tmp_path: Path, tasks: dict[str, Any]) -> None:
    started = time.process_time()
    reading = read_data(tmp_path, {"workflow": "w", "variables": {f"w{n}": 1 for n in range(2000)}, "tasks": tasks})
    assert 1 <= len(reading.errors) <= 600
    assert time.process_time() - started < SEVERAL_SECONDS


@pytest.mark.parametrize(
    "condition",
    ["'a' * 10**9 == ''", "(" * 3000 + "1" + ")" * 3000, "1" + "+1" * 5000, "9" * 5000, "((" * 99 + "1" + "))" * 99],
)
def test_conditions_that_are_traps(tmp_path: Path, condition: str) -> None:
    started = time.process_time()
    read_data(tmp_path, {"workflow": "w", "tasks": {"a": {"sql": "SELECT 1", "if": condition}}})
    assert time.process_time() - started < 2


@pytest.mark.parametrize("template", ["{{ " + "(" * 3000 + " }}", "{{ " + "9" * 5000 + " }}", "{% if 1 %}" * 500])
def test_templates_that_are_traps(tmp_path: Path, template: str) -> None:
    task = {"operator": "a.B", "arguments": {"x": template}}
    assert "the template cannot be read" in messages(read_data(tmp_path, {"workflow": "w", "tasks": {"a": task}}))[
        0
    ] or ("9999" in template)


def test_errors_of_shape_do_not_hide_others(tmp_path: Path) -> None:
    reading = read(tmp_path, HEAD + "tasks:\n  a: {sql: SELECT 1, retries: x}\n  b: {sql: SELECT 1, depends_on: aa}\n")
    assert [(each.line, each.rule) for each in reading.diagnostics] == [(3, "shape"), (4, "unknown_source")]
    assert reading.definition is None


def test_a_broken_part_is_reported_once(tmp_path: Path) -> None:
    text = (
        HEAD
        + "variables: {x: {type: int}}\ntasks:\n  a: {sqll: SELECT 1, set: y}\n"
        + "  b: {sql: 'SELECT :x, :y', depends_on: a}\n  c: {sql: 'SELECT :y', depends_on: {b: sucess}}\n"
    )
    assert [each.rule for each in read(tmp_path, text).diagnostics] == ["shape", "shape", "shape"]


def test_a_short_form_is_pointed_at(tmp_path: Path) -> None:
    [diagnostic] = read(tmp_path, HEAD + "tasks:\n  a:\n    sql: ''\n").diagnostics
    assert (diagnostic.line, diagnostic.column) == (4, 10)


def test_an_ordinary_file_is_read_in_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "w.workflow.yaml"
    path.write_text(SMALLEST + "".join(f"  t{n}: {{sql: 'SELECT :ds', depends_on: a}}\n" for n in range(9)))
    check_reading(read_workflow(str(path)), path.read_bytes())
    started = time.process_time()
    for _ in range(20):
        read_workflow(str(path))
    assert (time.process_time() - started) / 20 < 0.01


def test_an_unknown_source_far_above_a_join(tmp_path: Path) -> None:
    tasks = "  a: {sql: SELECT 1, depends_on: no}\n  b: {sql: SELECT 1, depends_on: a}\n"
    join = "  c: {sql: SELECT 1, depends_on: {a: failure, b: success}}\n"
    assert "unknown task 'no'" in messages(read(tmp_path, HEAD + "tasks:\n" + tasks + join))[0]
