"""Text of a definition as plain data, with the place of every key and value found on demand.

YAML is read with YAML 1.2's plain scalars, so that it means what the same JSON means: only ``true`` and ``false`` are
booleans (``NO`` is a string), a date is text until a declared type says otherwise. Anchors, aliases and tags are
refused: they are how a few bytes become gigabytes, and JSON has none. So are the line breaks that only YAML 1.1 knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding, Location, dotted, one_line
from airflow_workflow_provider.definitions.files import MAX_BYTES, NotAFileError, content_inside, content_of
from airflow_workflow_provider.definitions.json_nodes import compose_json
from airflow_workflow_provider.definitions.plain_data import (
    FLOAT,
    MAX_DEPTH,
    MAX_DIGITS,
    Loader,
    RefusedError,
    integer,
    number,
    yaml_data,
)
from airflow_workflow_provider.definitions.values import describe

MAX_VALUES: Final = 200_000
"""Lines and commas: a generated workflow of 5000 tasks has some ten thousand."""
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_JSON_ESCAPED: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_NOT_YAML: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INVISIBLE_BREAK: Final = re.compile("[\x85\u2028\u2029]")
_LEADING_RUN: Final = re.compile(r"^[ ?:\-]{100}", re.MULTILINE)

_INVISIBLE: Final = re.compile(r"[\xa0\xad\u2000-\u200f\u202f\u205f-\u2064\u3000\ufeff]")
_TYPOGRAPHIC_KEY: Final = re.compile(r"[\u2018-\u201e].*|.*[\u2018-\u201e]", re.DOTALL)
_TIGHT_COMMENT: Final = re.compile(r"[ \t]#[^\s#]")
_LOSSY_NUMBER: Final = re.compile(r"(?<![\w.:\-])[-+]?(?:0[0-9]+|[0-9]*\.[0-9]*0|[0-9.]{16,})(?![\w.:\-])|[\s:]\+[0-9]")


class DocumentError(Exception):
    """The text is no document at all; ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1, location: Location = ()) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.location = location


@dataclass(frozen=True)
class Document:
    """One definition file: its data and, when someone asks, where each part stands."""

    file: str
    text: str
    data: Any
    folded: bool = True
    """Whether a text other than ``|`` may go over several lines."""

    @property
    def source(self) -> str:
        """What positions count in."""
        return self.text.removeprefix("\ufeff")

    @cached_property
    def has_tight_comment(self) -> bool:
        """Whether a line may end with a comment such as ``#>>``."""
        return _TIGHT_COMMENT.search(self.text) is not None

    @cached_property
    def has_pairs(self) -> bool:
        """Whether two single quotes stand together."""
        return "''" in self.text

    @cached_property
    def has_lossy_number(self) -> bool:
        """Whether something looks like a number whose digits are not kept."""
        return _LOSSY_NUMBER.search(self.text) is not None

    def scalar(self, location: Location) -> yaml.ScalarNode | None:
        """The node of a text or number, also where its short form leaves out the last parts of the location."""
        node = self._root
        for part in location:
            found = None if node is None else self._child(node, part)
            if found is None:
                break
            node = found[1]
        return node if isinstance(node, yaml.ScalarNode) else None

    def numbers(self) -> Iterator[tuple[Location, yaml.ScalarNode]]:
        """Every number that is written without quotes, with its location."""
        waiting: list[tuple[Location, yaml.Node]] = [] if self._root is None else [((), self._root)]
        while waiting:
            location, node = waiting.pop()
            if isinstance(node, yaml.ScalarNode):
                if node.tag.endswith((":int", ":float")) and not node.style:
                    yield location, node
            else:
                waiting += [((*location, part), value) for part, (_, value) in _children(node).items()]

    @cached_property
    def _root(self) -> yaml.Node | None:
        return compose_json(self.source) if self.file.endswith(".json") else _compose_yaml(self.source)

    @cached_property
    def _children(self) -> dict[int, dict[str | int, tuple[yaml.Node | None, yaml.Node]]]:
        return {}

    def _child(self, node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
        children = self._children.get(id(node))
        if children is None:
            children = self._children[id(node)] = _children(node)
        return children.get(part)

    def position(self, location: Location, *, on_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at ``location`` or of its key; of the nearest parent if absent.

        What is written in a short form (``sql: text``, ``region: EU``) stands at its value.
        """
        node = self._root
        if node is None:
            return 1, 1
        mark = node.start_mark
        for depth, part in enumerate(location):
            found = self._child(node, part)
            if found is None:
                if depth and isinstance(node, yaml.ScalarNode) and not on_key:
                    mark = node.start_mark
                break
            key, value = found
            use_key = key is not None and (on_key if depth == len(location) - 1 else True)
            mark = key.start_mark if use_key and key is not None else value.start_mark
            node = value
        return mark.line + 1, mark.column + 1

    def _as_written(self, location: Location) -> Location:
        """The location without the parts that a short form leaves out."""
        node = self._root
        for depth, part in enumerate(location):
            found = None if node is None else self._child(node, part)
            if found is None:
                return location[:depth] if depth and isinstance(node, yaml.ScalarNode) else location
            node = found[1]
        return location

    def diagnostic(self, finding: Finding) -> Diagnostic:
        """The finding with its place in this file."""
        line, column = self.position(finding.location, on_key=finding.on_key)
        return Diagnostic(
            self.file,
            line,
            column,
            dotted(self._as_written(finding.location)),
            one_line(finding.message),
            finding.rule,
            finding.severity,
        )


def _children(node: yaml.Node) -> dict[str | int, tuple[yaml.Node | None, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return {key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    if isinstance(node, yaml.SequenceNode):
        return {index: (None, item) for index, item in enumerate(node.value)}
    return {}


def read_text(path: Path) -> str:
    """The file's text; ``DocumentError`` for a file that cannot be a definition (unreadable, too large, not UTF-8)."""
    return _text(lambda: content_of(path, MAX_BYTES), path)


def read_text_inside(folder: Path, relative: str) -> str:
    """The same of a file in a folder or below it; ``OutsideError`` if a link leads out of it."""
    return _text(lambda: content_inside(folder, relative, MAX_BYTES), folder / relative)


def _text(read: Callable[[], bytes], path: Path) -> str:
    try:
        content = read()
        size = len(content) if len(content) <= MAX_BYTES else path.stat().st_size
    except NotAFileError:
        raise DocumentError("the file cannot be read: it is not a regular file") from None
    except OSError as error:
        raise DocumentError(f"the file cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in the path
        raise DocumentError(f"the file cannot be read: {error}") from None
    _refuse_size(max(size, len(content)))
    return decode(content)


def _refuse_size(size: int) -> None:
    if size > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        raise DocumentError(
            f"the file has {size / 1024 / 1024:.1f} MiB; a definition may have {limit} MiB at most, keep data out of it"
        )


def decode(content: bytes) -> str:
    """UTF-8 text of a file's content."""
    _refuse_size(len(content))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        byte = content[error.start]
        raise DocumentError(f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8", line, column) from None


def parse(text: str, file: str) -> Document:
    """Text of ``*.yaml`` or ``*.json`` (told by the file's name) as a document; ``DocumentError`` if it is none."""
    if text.count(",") + max(text.count("\n"), text.count("\r")) > MAX_VALUES:
        raise DocumentError(f"the file has more than {MAX_VALUES} values; keep data out of a definition")
    data, folded = (_parse_json(text), False) if file.endswith(".json") else _parse_yaml(text)
    _refuse_strange_keys(file, text)
    if data is None:
        raise DocumentError("the file is empty; begin with 'workflow: NAME' or 'package: NAME'")
    if not isinstance(data, dict):
        raise DocumentError(f"expected a mapping with 'workflow: NAME' at the top, got {describe(data)}")
    return Document(file, text, data, folded)


def _parse_yaml(text: str) -> tuple[Any, bool]:
    text = text.removeprefix("\ufeff")
    _refuse_invisible_breaks(text)
    _refuse_deep_nesting(text)
    try:
        return yaml_data(text)
    except RefusedError:
        pass  # read again, slowly and with positions, to say where
    try:
        node = _compose_yaml(text)
        _refuse_properties(text, node)
    except yaml.YAMLError as error:
        raise _document_error(error, text) from None
    return (None if node is None else _construct(node, (), 0)), True


def _refuse_invisible_breaks(text: str) -> None:
    """YAML 1.1 ends a line there, YAML 1.2, JSON and most editors do not."""
    found = _INVISIBLE_BREAK.search(text)
    if found is None:
        return
    before = text[: found.start()].replace("\r\n", "\n").replace("\r", "\n")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    code = f"{ord(found[0]):04X}"
    message = f"U+{code} is an invisible line break; remove it, or write \\u{code} in double quotes"
    raise DocumentError(message, line, column)


def _refuse_strange_keys(file: str, text: str) -> None:
    """Keys that look like others: with characters that nobody sees, or in quotes that are none."""
    text = text.removeprefix("\ufeff")
    if not _INVISIBLE.search(text) and not any(quote in text for quote in "\u2018\u2019\u201a\u201c\u201d\u201e"):
        return
    root = compose_json(text) if file.endswith(".json") else _compose_yaml(text)
    waiting: list[tuple[Location, yaml.Node]] = [] if root is None else [((), root)]
    while waiting:
        location, node = waiting.pop()
        for part, (key, value) in _children(node).items():
            waiting.append(((*location, part), value))
            invisible = _INVISIBLE.search(str(part)) if key is not None else None
            if key is not None and invisible:
                code = f"U+{ord(invisible[0]):04X}"
                message = f"the invisible character {code} stands in this key or before it; write a plain space or none"
                raise _error(key, message, location)
            if key is not None and _TYPOGRAPHIC_KEY.fullmatch(str(part)):
                raise _error(
                    key, "typographic quotes are no quotes in YAML; write plain ones around this key", location
                )


def _compose_yaml(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _refuse_deep_nesting(text: str) -> None:
    """Before nodes are composed, which recurses in C: thousands of levels would exhaust the stack and the process.

    A level costs a bracket or, in block style, a longer run of indentation and indicators: few files have so many.
    """
    if text.count("[") + text.count("{") < 200 and not _LEADING_RUN.search(text):
        return
    depth = 0
    try:
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > 2 * MAX_DEPTH:
                    raise _error(event, _TOO_DEEP, ())
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError as error:
        raise _document_error(error, text) from None


_TOO_DEEP: Final = f"values are nested more than {MAX_DEPTH} deep"


def _refuse_properties(text: str, root: yaml.Node | None) -> None:
    """Anchors and tags, which stand before values and keys: no node tells that it had one."""
    for event in yaml.parse(text, Loader=Loader):
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None and root is not None:
            message = (
                f"the anchor '&{anchor}' is not allowed, nor are aliases (*{anchor}): write the value out where it is "
                "used, or use 'defaults'"
            )
            raise _error(event, message, _location_at(root, event.start_mark))
        if tag is not None and root is not None:
            raise _error(event, _bad_tag(tag), _location_at(root, event.start_mark))


def _location_at(root: yaml.Node, mark: Any) -> Location:
    """Where the key or the value stands that begins there."""
    seen: set[int] = set()
    rest: list[tuple[yaml.Node, Location]] = [(root, ())]
    while rest:
        node, location = rest.pop()
        if node.start_mark.index == mark.index:
            return location
        if id(node) not in seen and len(location) <= MAX_DEPTH:
            seen.add(id(node))
            inside = [
                (each, (*location, part))
                for part, (key, value) in _children(node).items()
                for each in (key, value)
                if each is not None
            ]
            rest += reversed(inside)
    return ()


def _construct(node: yaml.Node, location: Location, depth: int) -> Any:
    """Plain data of a node."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, location)
    if depth > MAX_DEPTH:
        raise _error(node, _TOO_DEEP, location[:3])
    if isinstance(node, yaml.SequenceNode):
        if node.tag != "tag:yaml.org,2002:seq":
            raise _tag_error(node, location)
        return [_construct(item, (*location, index), depth + 1) for index, item in enumerate(node.value)]
    return _mapping(node, location, depth)


def _mapping(node: yaml.Node, location: Location, depth: int) -> dict[str, Any]:
    if node.tag != "tag:yaml.org,2002:map":
        raise _tag_error(node, location)
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode):
            raise _error(key_node, "a key must be text", location)
        if key in data:
            first = next(first for first, _ in node.value if first.value == key).start_mark
            raise _error(key_node, f"the key '{key}' is given twice; first in line {first.line + 1}", (*location, key))
        if key == "<<" and not key_node.style:
            raise _error(key_node, "merge keys (<<) are not allowed: write the keys out or use 'defaults'", location)
        if key_node.tag != _STRING:
            _scalar(key_node, location)  # refuses tags
        elif _NOT_TEXT.search(key):
            raise _not_text(key_node, location)
        data[key] = _construct(value_node, (*location, key), depth + 1)
    return data


_STRING: Final = "tag:yaml.org,2002:str"


def _scalar(node: yaml.ScalarNode, location: Location) -> Any:
    tag, value = node.tag, node.value
    if tag == _STRING:
        if _NOT_TEXT.search(value):
            raise _not_text(node, location)
        return value
    if tag == "tag:yaml.org,2002:int" and _INTEGER.fullmatch(value):
        try:
            return integer(value)
        except RefusedError:
            raise _error(node, f"an integer of more than {MAX_DIGITS} digits", location) from None
    if tag == "tag:yaml.org,2002:bool" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if tag == "tag:yaml.org,2002:null" and value.lower() in ("", "~", "null"):
        return None
    if tag == "tag:yaml.org,2002:float" and FLOAT.fullmatch(value):
        try:
            return number(value)
        except RefusedError:
            raise _error(node, f"{value} is larger than a number can be", location) from None
    raise _tag_error(node, location)


def _tag_error(node: yaml.Node, location: Location) -> DocumentError:
    if node.value in ("NaN", "Infinity", "-Infinity"):
        return _error(node, f"{node.value} is not a number that a definition can hold", location)
    return _error(node, _bad_tag(node.tag), location)


def _bad_tag(tag: str) -> str:
    shown = tag.replace("tag:yaml.org,2002:", "!!")
    return f"the tag '{shown}' is not allowed; write plain values"


def _not_text(node: yaml.Node, location: Location) -> DocumentError:
    character = _NOT_TEXT.search(node.value)
    assert character is not None
    return _error(node, f"the character U+{ord(character[0]):04X} is not allowed in text; remove it", location)


def _error(where: yaml.Node | yaml.Event, message: str, location: Location) -> DocumentError:
    mark = where.start_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return DocumentError(one_line(message), line, column, location)


def _document_error(error: yaml.YAMLError, text: str) -> DocumentError:
    strange = _NOT_YAML.search(text) if isinstance(error, yaml.reader.ReaderError) else None
    if strange is not None:
        line = text.count("\n", 0, strange.start()) + 1
        column = strange.start() - text.rfind("\n", 0, strange.start())
        return DocumentError(f"the character U+{ord(strange[0]):04X} is not allowed in YAML; remove it", line, column)
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None or (opened is not None and mark.line >= len(text.splitlines())):
        mark = opened  # what is never closed is seen at the end, where there is nothing to see
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    line = min(line, len(text.splitlines()) or 1)
    return DocumentError(_plain_words(error, text, line), line, column)


# What people most often get wrong, in their words rather than in libyaml's: (context, problem) → sentence.
_PLAIN_WORDS: Final = (
    ("", "but found another document", "the file holds more than one document (---); write one definition per file"),
    ("", "undefined alias", "a value that starts with '*' must be in quotes; anchors and aliases are not allowed"),
    ("alias", "", "a value that starts with '*' must be in quotes, for example \"*/5 * * * *\""),
    ("anchor", "", "a value that starts with '&' must be in quotes"),
    ("quoted scalar", "unexpected end of stream", "this quote is never closed"),
    ("flow sequence", "expected ',' or ']'", "this list [ ] is not closed, or a comma is missing in it"),
    ("flow mapping", "expected ',' or '}'", "this mapping { } is not closed, or a comma is missing in it"),
    (
        "",
        "mapping values are not allowed",
        "a ': ' is not expected here; check the indentation, or put the value in quotes",
    ),
    ("", "could not find expected ':'", "a key without ': '; check the line and its indentation"),
    ("block mapping", "did not find expected key", "this line fits no line above; check its indentation and quotes"),
    ("block collection", "did not find expected '-'", "this line fits no line above; check its indentation and '- '"),
    ("", "cannot start any token", "a value cannot start with this character; put it in quotes"),
)


def _plain_words(error: yaml.YAMLError, text: str, line: int) -> str:
    problem = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    current = next(iter(text.splitlines()[line - 1 : line]), "")
    if "\t" in current[: len(current) - len(current.lstrip())] or (
        "cannot start any token" in problem and "\t" in current
    ):
        return "a tab is used for indentation; YAML wants spaces"
    invisible = _INVISIBLE.search(current)
    if invisible and "never closed" not in problem:
        code = f"U+{ord(invisible[0]):04X}"
        return f"the invisible character {code} stands in this line, where YAML wants a plain space"
    for in_context, in_problem, sentence in _PLAIN_WORDS:
        if in_context in context and in_problem in problem:
            return sentence
    return one_line(f"this is not valid YAML: {problem}" + (f" ({context})" if context else ""))


def _parse_json(text: str) -> Any:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return None
    data = None
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_int=integer, parse_float=number, parse_constant=_refuse)
        refused = _JSON_ESCAPED.search(text) is not None or _is_deep(data, text)
    except json.JSONDecodeError as error:
        end = len(text.rstrip())  # nothing to see behind it
        message = "the text ends too early" if error.pos >= end else error.msg.removesuffix(" at")
        line = text.count("\n", 0, min(error.pos, end)) + 1
        column = min(error.pos, end) - text.rfind("\n", 0, min(error.pos, end))
        raise DocumentError(f"this is not valid JSON: {message}", line, column) from None
    except (RefusedError, RecursionError):
        refused = True
    if refused:
        node = compose_json(text)
        if node is not None:
            _construct(node, (), 0)
    return data


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(items)
    if len(data) != len(items):
        raise RefusedError
    return data


def _refuse(_: str) -> NoReturn:
    raise RefusedError


def _is_deep(data: object, text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    level = [data]
    for _ in range(MAX_DEPTH + 2):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)
