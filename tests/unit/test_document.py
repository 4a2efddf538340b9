"""Text that is no definition is refused at its place, in one sentence and soon; odd but valid text is read."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.definitions.document import DocumentError, parse
from airflow_workflow_provider.definitions.files import MAX_BYTES
from airflow_workflow_provider.definitions.json_nodes import compose_json
from airflow_workflow_provider.definitions.plain_data import RefusedError, yaml_data
from tests.unit.reading import HEAD, SMALLEST, messages, read

JSON = '{"workflow": "w", "tasks": {"a": {"sql": "SELECT 1"}}}'
SOON = 2.0  # seconds; each takes well under a half on an idle machine


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ("", 1, 1, "the file is empty"),
        ("# only\n# comments\n", 1, 1, "the file is empty"),
        ("---\n", 1, 1, "the file is empty"),
        ("null\n", 1, 1, "the file is empty"),
        ("[a, b]\n", 1, 1, "got a list"),
        ("42\n", 1, 1, "got the integer 42"),
        ("workflow: w\ntasks:\n\ta:\n", 3, 1, "a tab is used for indentation"),
        (b"workflow: w\ndescription: caf\xe9\n", 2, 17, "byte 0xe9 is not UTF-8"),
        (b"workflow: w\ndescription: \xf0\x9f\x98", 2, 14, "is not UTF-8"),
        (b"workflow: w\ndescription: \xed\xa0\x80", 2, 14, "is not UTF-8"),
        (SMALLEST.encode("utf-16"), 1, 1, "is not UTF-8"),
        ("workflow: w\nx: a\0b\n", 2, 5, "U+0000 is not allowed"),
        ('workflow: w\nx: "a\\0b"\n', 2, 4, "U+0000 is not allowed"),
        ("workflow: w\nx: é\x07b\n", 2, 5, "U+0007 is not allowed"),
        ("workflow: w\r\nx: 'a\r\n", 2, 4, "this quote is never closed"),
        ("workflow: &a w\nowner: *a\n", 1, 11, "the anchor '&a' is not allowed, nor are aliases (*a)"),
        ("workflow: &a w\n", 1, 11, "the anchor '&a'"),
        ("workflow: w\ntasks: &all\n  a: {sql: SELECT 1}\n", 2, 8, "the anchor '&all'"),
        ("workflow: w\n&d description: x\n", 2, 1, "the anchor '&d'"),
        ("workflow: w\ntags: [x, &b y]\n", 2, 11, "the anchor '&b'"),
        ("workflow: !!str w\n", 1, 11, "the tag '!!str' is not allowed"),
        ("workflow: ! w\n", 1, 11, "the tag '!' is not allowed"),
        ("workflow: w\ntasks: !!map {}\n", 2, 8, "the tag '!!map' is not allowed"),
        ("%TAG ! tag:x,2000:\n---\nworkflow: !y w\n", 3, 11, "the tag 'tag:x,2000:y' is not allowed"),
        ("workflow: w\r\nowner: a\x85tags: b\r\n", 2, 9, "U+0085 is an invisible line break; remove it, or write"),
        ("workflow: w\rowner: 'a\u2028b'\n", 2, 10, "or write \\u2028 in double quotes"),
        ("workflow: w\nsql: |\n  SELECT 1 -- a\u2029  WHERE 1 = 0\n", 3, 16, "U+2029 is an invisible line break"),
        ("workflow: w\n*a : x\n", 2, 1, "must be in quotes"),
        ("workflow: &a w\n*a : x\n", 1, 11, "the anchor '&a'"),
        ("workflow: w\ntasks: &a {b: *a}\n", 2, 8, "the anchor '&a'"),
        ("? [a, b]\n: c\n", 1, 3, "a key must be text"),
        ("? {a: b}\n: c\n", 1, 3, "a key must be text"),
        ("!foo workflow: w\n", 1, 1, "the tag '!foo' is not allowed"),
        ("variables: {1: a, '1': b}\n", 1, 19, "given twice; first in line 1"),
        ("a: {b: [{c: 1, c: 2}]}\n", 1, 16, "'c' is given twice"),
        ("x: " + "9" * 5000, 1, 4, "more than 1000 digits"),
    ],
)
def test_no_document(tmp_path: Path, content: str | bytes, line: int, column: int, message: str) -> None:
    [diagnostic] = read(tmp_path, content).diagnostics
    assert (diagnostic.line, diagnostic.column) == (line, column)
    assert message in diagnostic.message


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ("", 1, 1, "the file is empty"),
        ("null", 1, 1, "the file is empty"),
        ("[1]", 1, 1, "got a list"),
        ('{"workflow":\n "w",}', 2, 6, "not valid JSON"),
        ('{"workflow": "w"} x', 1, 19, "not valid JSON: Extra data"),
        ('{"workflow": "w\x01"}', 1, 16, "Invalid control character"),
        ('{"x": NaN}', 1, 7, "NaN is not a number"),
        ('{"x": [1,\n -Infinity]}', 2, 2, "-Infinity is not a number"),
        ('{"x": 1e999}', 1, 7, "larger than a number can be"),
        ('{"x": ' + "9" * 5000 + "}", 1, 7, "more than 1000 digits"),
        ('{"x": "\\ud800"}', 1, 7, "U+D800 is not allowed"),
        ('{"\\u0000": 1}', 1, 2, "U+0000 is not allowed"),
        ('{"a": 1,\n "\\u0061": 2}', 2, 2, "'a' is given twice; first in line 1"),
        ('{"a": ' + "[" * 100000 + "]" * 100000 + "}", 1, 67, "nested more than 60 deep"),
        ('{"a": ' + '{"a":' * 300 + "1" + "}" * 300 + "}", 1, 307, "nested more than 60 deep"),
    ],
)
def test_no_json_document(tmp_path: Path, content: str, line: int, column: int, message: str) -> None:
    [diagnostic] = read(tmp_path, content, "w.workflow.json").diagnostics
    assert (diagnostic.line, diagnostic.column) == (line, column)
    assert message in diagnostic.message


@pytest.mark.parametrize(
    "content",
    [
        SMALLEST,
        "\ufeff" + SMALLEST,
        SMALLEST.replace("\n", "\r\n"),
        SMALLEST.replace("\n", "\r"),
        "%YAML 1.2\n---\n" + SMALLEST + "...\n",
        SMALLEST.replace(": ", ":\t"),
        SMALLEST + 'description: "a\\u2028b\\Nc\\L"\n',
        SMALLEST + "description: |\n" + "  [[{ a\n" * 2000,
        SMALLEST + 'description: "' + "[" * 3000 + '"\n',
    ],
)
def test_odd_but_valid(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content).diagnostics == ()


@pytest.mark.parametrize(
    "content", [JSON, "\ufeff" + JSON, JSON.replace(": ", "\r\n\t:\n"), JSON.replace("w", "\\u0077", 1)]
)
def test_odd_but_valid_json(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content, "w.workflow.json").diagnostics == ()


def test_values_of_yaml_are_those_of_yaml_1_2() -> None:
    text = "a: NO\nb: 010\nc: 1:30\nd: 0x1F\ne: 1_000\nf: .inf\ng: 2026-01-01\nh: 1e3\ni: ~\nj: TRUE\nk: ''\nl:\n"
    assert parse(text, "x.yaml").data == {
        "a": "NO",
        "b": 10,
        "c": "1:30",
        "d": "0x1F",
        "e": "1_000",
        "f": ".inf",
        "g": "2026-01-01",
        "h": 1000.0,
        "i": None,
        "j": True,
        "k": "",
        "l": None,
    }


def outcome(text: str) -> object:
    """What came of a text: its data with their types, or where and why it was refused."""
    try:
        return repr(parse(text, "x.yaml").data)
    except DocumentError as error:
        return error.line, error.column, error.message, error.location


PIECES = [
    *("a: ", "b: ", "- ", "? ", "\n", "\n  ", "|\n  ", "# c\n", "--- ", "...\n", "%TAG ! !\n"),
    *("x", "'y'", '"\\0"', '"\\x41"', "true", "~", "1", "-0.5", "1e999", "9" * 1001),
    *("[", "]", "{", "}", ", ", "<<", "&n ", "*n", "!t ", "! ", "!!str ", "\r", "\r\n", "\x85", "\u2028", "\ufeff"),
]
YAML_TEXTS = (
    st.text("ab1-.:,?!&*#|>[]{}'\"\\u0 \t\n\r\x85\u2029", max_size=40)
    | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
    | st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)).map(yaml.safe_dump)
)


@given(YAML_TEXTS)
def test_a_text_that_is_read_fast_means_what_it_means_read_slowly(text: str) -> None:
    fast = outcome("a: " + text), outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_workflow_provider.definitions.document.yaml_data", refuse)
        assert fast == (outcome("a: " + text), outcome(text))


@given(YAML_TEXTS)
def test_a_text_with_an_anchor_an_alias_or_a_tag_is_no_document(text: str) -> None:
    """Whatever reads it: libyaml's own events say whether it has one."""
    try:
        events = list(yaml.parse("a: " + text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return
    if any(getattr(event, "anchor", None) or getattr(event, "tag", None) for event in events):
        assert isinstance(outcome("a: " + text), tuple)


def refuse(_: str) -> None:
    raise RefusedError


@pytest.mark.parametrize(
    "text", [SMALLEST, "a: [1, {b: 2.5}]\nc: |\n  text\nd: 'x: y'\n1: true\n", "# nothing\n", "null"]
)
def test_ordinary_texts_are_read_fast(text: str) -> None:
    yaml_data(text)


def _levels(opening: str, closing: str, number: int) -> str:
    return opening * number + closing * number


HOSTILE = {
    "flow lists": "x: " + _levels("[", "]", 50_000),
    "flow mappings": "x: " + _levels("{a: ", "}", 50_000),
    "open lists": "[" * 100_000,
    "open mappings": "{" * 100_000,
    "block lists": "- " * 100_000 + "x",
    "complex keys": "? " * 100_000 + "x",
    "lists of complex keys": "- ? " * 100_000 + "x",
    "complex keys of lists": "? [" * 50_000 + "x",
    "stairs": "".join(" " * level + "a:\n" for level in range(1500)),
    "stairs of lists": "".join(" " * level + "-\n" for level in range(1500)),
    "bomb": "a: &a [x,x]\n"
    + "".join(f"a{n}: &a{n} [*a{n - 1 if n else ''},*a{n - 1 if n else ''}]\n" for n in range(99)),
    "a long list": "x: [" + "1," * 1_500_000 + "]",
    "a long block list": "x:\n" + "- 1\n" * 500_000,
    "many keys": "x: {" + ",".join(f"a{n}: 1" for n in range(20_000)) + ",a1: 1}",
    "too large": "x: " + "y" * 10_000_000,
    "one long line": "x" * (MAX_BYTES - 10),
    "a long list in lines of old": "x:\r" + "- 1\r" * 500_000,
    "many anchors": "".join(f"a{n}: &a{n} 1\n" for n in range(20_000)) + "b: *a1",
    "long key": "? " + "k" * 100_000 + "\n: 1\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_refused_soon(tmp_path: Path, kind: str) -> None:
    started = time.process_time()
    reading = read(tmp_path, HOSTILE[kind])
    assert reading.errors
    assert time.process_time() - started < SOON


# Without characters that nobody sees and typographic quotes, which no key may have.
JSON_KEYS = st.text(st.characters(exclude_categories=("Cs", "Cf", "Zs", "Pi", "Pf", "Ps")))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(JSON_KEYS, JSON_VALUES, min_size=1, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_it_is_and_every_part_has_its_place(
    data: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    if "\\u0000" in text:
        with pytest.raises(DocumentError, match=r"U\+0000"):
            parse(text, "x.json")
        return
    document = parse(text, "x.json")
    assert document.data == data
    lines = text.split("\n")
    for key in data:
        line, column = document.position((key,), on_key=True)
        quoted, _ = json.JSONDecoder().raw_decode(lines[line - 1][column - 1 :])
        assert quoted == key


@pytest.mark.parametrize("text", ["[]", "{}", "[[], {}]", '{"a": [1, {"b": null}]}', "1", '""'])
def test_json_nodes_are_what_yaml_composes(text: str) -> None:
    def plain(node: yaml.Node | None) -> object:
        assert node is not None
        if isinstance(node, yaml.MappingNode):
            return (node.tag, node.start_mark.column, [(plain(key), plain(value)) for key, value in node.value])
        if isinstance(node, yaml.SequenceNode):
            return (node.tag, node.start_mark.column, [plain(item) for item in node.value])
        return (node.tag, node.start_mark.column, node.value)

    assert plain(compose_json(text)) == plain(yaml.compose(text))


def test_a_path_with_a_nul_is_no_crash(tmp_path: Path) -> None:
    reading = read(tmp_path, HEAD + 'tasks: {a: {sql: ["x\\u0001y.sql"]}}\n')
    assert "cannot be read" in messages(reading)[0]
