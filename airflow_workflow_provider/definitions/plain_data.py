"""Data of YAML and JSON texts, fast, as long as nothing is out of the ordinary.

Whatever is (a tag, an alias, a key given twice, a number too large) raises ``RefusedError``: ``document`` then reads
the text once more, slowly and with positions, and says what is wrong where, or finds nothing wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import yaml
from yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent

try:
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML built without libyaml: slower, same result
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]

MAX_DEPTH: Final = 60
MAX_DIGITS: Final = 1000
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_STRANGE_ESCAPE: Final = re.compile(r"\\[0xuU]")
"""How a character that no text may hold can be written; few texts have one."""


class Loader(_BaseLoader):
    """libyaml's parser with YAML 1.2 core scalars."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's interface


for _tag, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+$", "-+0123456789"),
    ("float", FLOAT.pattern + "$", "-+0123456789."),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


_RESOLVERS: Final = Loader.yaml_implicit_resolvers
_NUMERIC: Final = frozenset("-+.0123456789")


_NextEvent: TypeAlias = Callable[[], Any]


class RefusedError(ValueError):
    """A text that is to be read slowly."""


def integer(text: str) -> int:
    """An integer of a size that people write."""
    if len(text) > MAX_DIGITS:
        raise RefusedError
    return int(text)


def number(text: str) -> float:
    """A number that is not infinite."""
    value = float(text)
    if math.isinf(value):
        raise RefusedError
    return value


_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:int": integer,
    "tag:yaml.org,2002:float": number,
}


def yaml_data(text: str) -> tuple[Any, bool]:
    """Data of a YAML text, and whether a text in it other than ``|`` goes over several lines.

    ``RefusedError`` if it is out of the ordinary in any way, wrong or not. It is made from the parser's events: nodes,
    of which positions are told, cost as much again.
    """
    if _STRANGE_ESCAPE.search(text):
        raise RefusedError
    loader = Loader(text)
    try:
        folded: list[str] = []
        return _document(loader.get_event, folded), bool(folded)
    except yaml.YAMLError:
        raise RefusedError from None
    finally:
        loader.dispose()


def _document(next_event: _NextEvent, folded: list[str]) -> Any:
    next_event()  # the stream starts
    if type(next_event()) is StreamEndEvent:
        return None
    data = _value(next_event(), next_event, 0, folded)
    next_event()  # the document ends
    if type(next_event()) is not StreamEndEvent:
        raise RefusedError
    return data


def _value(event: Any, next_event: _NextEvent, depth: int, folded: list[str]) -> Any:
    if event.anchor is not None or event.tag is not None:
        raise RefusedError
    kind = type(event)
    if kind is ScalarEvent:
        if event.style != "|" and event.end_mark.line != event.start_mark.line:
            folded.append(event.value)
        return _plain(event.value) if event.implicit[0] else event.value
    if depth > MAX_DEPTH:
        raise RefusedError
    if kind is MappingStartEvent:
        return _mapping(next_event, depth + 1, folded)
    items = []
    while type(event := next_event()) is not SequenceEndEvent:
        items.append(_value(event, next_event, depth + 1, folded))
    return items


def _mapping(next_event: _NextEvent, depth: int, folded: list[str]) -> dict[str, Any]:
    """A key is text, whatever a value that is written so would be."""
    data: dict[str, Any] = {}
    event: Any
    while type(event := next_event()) is not MappingEndEvent:
        if type(event) is not ScalarEvent or event.anchor is not None or event.tag is not None:
            raise RefusedError
        key = event.value
        if key in data or key == "<<":
            raise RefusedError
        if event.implicit[0] and key[:1] in _NUMERIC:
            _plain(key)  # may be too large
        data[key] = _value(next_event(), next_event, depth, folded)
    return data


def _plain(text: str) -> Any:
    """What a scalar without quotes stands for."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return _SCALARS[tag](text)
    return text
