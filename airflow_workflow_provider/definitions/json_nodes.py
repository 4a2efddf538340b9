r"""JSON text as YAML nodes: data with positions. Slower than ``json`` and used only to say where something is.

YAML's own parser does not read all JSON: not long keys, not a key and its colon on two lines, not ``"\ud83d\ude00"``.
"""

from __future__ import annotations

import json
import re
from typing import Final

import yaml

_TOKEN: Final = re.compile(r'[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([\[\]{},:])|([^\s\[\]{},:"]+))')
_TAG: Final = "tag:yaml.org,2002:"
_DEPTH: Final = 200  # far deeper than a definition may be: nobody asks for a place below
_WORDS: Final = {"true": "bool", "false": "bool", "null": "null"}


def compose_json(text: str) -> yaml.Node | None:
    """The root node of JSON text that ``json.loads`` can read."""
    root: yaml.Node | None = None
    stack: list[tuple[yaml.CollectionNode, list[yaml.Node]]] = []  # open ones; in a mapping the key without a value
    line = line_start = scanned = 0
    for match in _TOKEN.finditer(text):
        group = match.lastindex or 0
        token = match[group]
        if token in (",", ":"):
            continue
        if token in ("]", "}"):
            stack.pop()
            continue
        start = match.start(group)
        breaks = text.count("\n", scanned, start)
        if breaks:
            line, line_start = line + breaks, text.rfind("\n", scanned, start) + 1
        scanned = start
        node = _node(token, yaml.Mark("", start, line, start - line_start, None, 0))
        if not stack:
            root = node
        elif isinstance(stack[-1][0], yaml.SequenceNode):
            stack[-1][0].value.append(node)
        elif stack[-1][1]:
            stack[-1][0].value.append((stack[-1][1].pop(), node))
        else:
            stack[-1][1].append(node)
        if isinstance(node, yaml.CollectionNode):
            stack.append((node, []))
            if len(stack) > _DEPTH:
                break
    return root


def _node(token: str, mark: yaml.Mark) -> yaml.Node:
    if token == "{":
        return yaml.MappingNode(_TAG + "map", [], mark, mark)
    if token == "[":
        return yaml.SequenceNode(_TAG + "seq", [], mark, mark)
    if token[0] == '"':
        return yaml.ScalarNode(_TAG + "str", json.loads(token, strict=False), mark, mark, style='"')
    kind = _WORDS.get(token) or ("int" if token.lstrip("-").isdigit() else "float")
    return yaml.ScalarNode(_TAG + kind, token, mark, mark)
