"""Text of a definition as plain data, with the place of every key and value found on demand.

YAML is read with YAML 1.2's plain scalars, so that it means what the same JSON means: only ``true`` and ``false`` are
booleans (``NO`` is a string), a date is text until a declared type says otherwise. Anchors and aliases are refused:
they are how a few bytes become gigabytes, and JSON has none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding, Location, dotted

try:
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML built without libyaml: slower, same result
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 60
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")


class _Loader(_BaseLoader):
    """libyaml's parser with YAML 1.2 core scalars."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's interface


for _tag, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


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

    @cached_property
    def _root(self) -> yaml.Node | None:
        loader = _Loader(self.text.removeprefix("\ufeff"))
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()

    def position(self, location: Location, *, on_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at ``location`` or of its key; of the nearest parent if absent."""
        node = self._root
        if node is None:
            return 1, 1
        mark = node.start_mark
        for depth, part in enumerate(location):
            found = _child(node, part)
            if found is None:
                break
            key, value = found
            use_key = key is not None and (on_key if depth == len(location) - 1 else True)
            mark = key.start_mark if use_key and key is not None else value.start_mark
            node = value
        return mark.line + 1, mark.column + 1

    def diagnostic(self, finding: Finding) -> Diagnostic:
        """The finding with its place in this file."""
        line, column = self.position(finding.location, on_key=finding.on_key)
        return Diagnostic(
            self.file, line, column, dotted(finding.location), finding.message, finding.rule, finding.severity
        )


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None


def read_text(path: Path) -> str:
    """The file's text; ``DocumentError`` for a file that cannot be a definition (unreadable, too large, not UTF-8)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"the file cannot be read: {error.strerror or error}") from None
    return decode(content)


def decode(content: bytes) -> str:
    """UTF-8 text of a file's content."""
    if len(content) > MAX_BYTES:
        megabytes = len(content) / 1024 / 1024
        raise DocumentError(
            f"the file has {megabytes:.1f} MiB; a definition may have {MAX_BYTES // 1024 // 1024} MiB at most, "
            "keep data out of it"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        byte = content[error.start]
        raise DocumentError(f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8", line, column) from None


def parse(text: str, file: str) -> Document:
    """Text of ``*.yaml`` or ``*.json`` (told by the file's name) as a document; ``DocumentError`` if it is none."""
    data = _parse_json(text) if file.endswith(".json") else _parse_yaml(text)
    if data is None:
        raise DocumentError("the file is empty; begin with 'workflow: NAME' or 'package: NAME'")
    if not isinstance(data, dict):
        raise DocumentError(f"expected a mapping with 'workflow: NAME' at the top, got {describe(data)}")
    return Document(file, text, data)


def describe(value: object) -> str:
    """A value as a message shows it: its kind and, if short, itself."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kind = {int: "the integer", float: "the number"}.get(type(value), "the text")
    shown = repr(value)
    return f"{kind} {shown if len(shown) <= 60 else shown[:57] + '…'}"


def _parse_yaml(text: str) -> Any:
    text = text.removeprefix("\ufeff")
    _refuse_deep_nesting(text)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _construct(node, set(), (), 0)
    except yaml.YAMLError as error:
        raise _document_error(error, text) from None
    finally:
        loader.dispose()


def _refuse_deep_nesting(text: str) -> None:
    """Before libyaml recurses: thousands of open brackets would exhaust the C stack."""
    opened = text.count("[") + text.count("{") + text.count("- -") + text.count("? ")
    if opened < 1000:
        return
    depth = deepest = 0
    for match in re.finditer(r"[\[{\]}]|- (?=- )|\? (?=\? )", text):
        depth = depth - 1 if match[0] in "]}" else depth + 1
        deepest = max(deepest, depth)
        if match[0][0] not in "[{]}" and text[match.end() : match.end() + 2] not in ("- ", "? "):
            depth = 0
    if deepest > 10 * MAX_DEPTH:
        raise DocumentError(f"values are nested more than {MAX_DEPTH} deep")


def _construct(node: yaml.Node, seen: set[int], location: Location, depth: int) -> Any:
    """Plain data of a node; every node may appear once, so an alias shows itself."""
    identity = id(node)
    if identity in seen:
        mark = node.start_mark
        raise DocumentError(
            f"the value of line {mark.line + 1} is used again through an alias (*name); "
            "anchors and aliases are not allowed: write the value out or use 'defaults'",
            mark.line + 1,
            mark.column + 1,
            location,
        )
    seen.add(identity)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, location)
    if depth > MAX_DEPTH:
        raise _error(node, f"values are nested more than {MAX_DEPTH} deep", location)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(item, seen, (*location, index), depth + 1) for index, item in enumerate(node.value)]
    return _mapping(node, seen, location, depth)


def _mapping(node: yaml.Node, seen: set[int], location: Location, depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode):
            raise _error(key_node, "a key must be text", location)
        if key in data:
            first = next(first for first, _ in node.value if first.value == key).start_mark
            raise _error(key_node, f"the key '{key}' is given twice; first in line {first.line + 1}", (*location, key))
        if key == "<<" and key_node.style is None:
            raise _error(key_node, "merge keys (<<) are not allowed: write the keys out or use 'defaults'", location)
        data[key] = _construct(value_node, seen, (*location, key), depth + 1)
    return data


_STRING: Final = "tag:yaml.org,2002:str"


def _scalar(node: yaml.ScalarNode, location: Location) -> Any:
    tag, value = node.tag, node.value
    if tag == _STRING:
        return value
    if tag == "tag:yaml.org,2002:int" and _INTEGER.fullmatch(value):
        if len(value) > 1000:
            raise _error(node, "an integer of more than 1000 digits", location)
        return int(value)
    if tag == "tag:yaml.org,2002:bool" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if tag == "tag:yaml.org,2002:null":
        return None
    if tag == "tag:yaml.org,2002:float":
        return float(value)
    raise _error(
        node,
        f"the tag '{tag.replace('tag:yaml.org,2002:', '!!')}' is not allowed; write plain values",
        location,
    )


def _error(node: yaml.Node, message: str, location: Location) -> DocumentError:
    return DocumentError(message, node.start_mark.line + 1, node.start_mark.column + 1, location)


def _document_error(error: yaml.YAMLError, text: str) -> DocumentError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return DocumentError(f"the character {error.character!r} is not allowed in YAML", line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return DocumentError(_plain_words(problem, error, text, line), line, column)


def _plain_words(problem: str, error: yaml.YAMLError, text: str, line: int) -> str:
    lines = text.splitlines()
    current = lines[line - 1] if line <= len(lines) else ""
    if "\t" in current[: len(current) - len(current.lstrip())] or (
        "cannot start any token" in problem and "\t" in current
    ):
        return "a tab is used for indentation; YAML wants spaces"
    if "but found another document" in problem:
        return "the file holds more than one document (---); write one definition per file"
    if "undefined alias" in problem:
        return f"{problem}; anchors and aliases are not allowed"
    context = getattr(error, "context", None)
    return f"this is not valid YAML: {problem}" + (f" ({context})" if context else "")


def _parse_json(text: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(items)
        if len(data) != len(items):
            repeated.extend(sorted({key for key, _ in items if sum(key == other for other, _ in items) > 1}))
        return data

    repeated: list[str] = []
    try:
        data = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if not text.strip():
            return None
        raise DocumentError(f"this is not valid JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise DocumentError(f"values are nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise DocumentError(f"this is not valid JSON: {error}") from None
    if repeated:
        _raise_repeated_key(text, repeated[0])
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _raise_repeated_key(text: str, key: str) -> NoReturn:
    """The YAML reader knows positions and sees the same document."""
    _parse_yaml(text)
    raise DocumentError(f"the key '{key}' is given twice")
