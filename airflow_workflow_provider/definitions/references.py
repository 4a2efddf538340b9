"""Which variables a text reads: ``{{ vars.name }}`` in templates, ``vars.name`` in conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.sandbox import NotAllowedError, sandbox

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

BUILT_INS: Final = frozenset(
    {
        "run_id",
        "ds",
        "logical_date",
        "data_interval_start",
        "data_interval_end",
        "last_success_at",
        "workflow",
        "workflow_version",
        "task",
        "failed_tasks",
    }
)
"""Names that every SQL text, template and condition can read; no variable may bear one."""
AS_IN_AIRFLOW: Final = frozenset({"ds", "run_id", "logical_date", "data_interval_start", "data_interval_end"})
"""Those of them that Airflow knows by the same name, so that ``{{ ds }}`` is right, too."""

_SIMPLE: Final = re.compile(r"\{\{-?\s*vars\.([A-Za-z_]\w*)\s*-?\}\}")
_MARKS: Final = re.compile(r"\{\{|\{%|\{#")


class TemplateSyntaxError(ValueError):
    """A template or condition that cannot be parsed, in one sentence."""


def exact_reference(text: str) -> str | None:
    """The name when ``text`` is one reference and nothing else: such a value keeps its type."""
    match = _SIMPLE.fullmatch(text.strip()) if "{{" in text else None
    return match[1] if match else None


@lru_cache(maxsize=4096)
def template_references(text: str) -> tuple[str, ...]:
    """Names that a template reads from ``vars``, each once, in order; ``TemplateSyntaxError`` if it is no template."""
    if not _MARKS.search(text):
        return ()
    names = _SIMPLE.findall(text)
    if len(names) != len(_MARKS.findall(text)):
        names = list(_parsed_references(text))
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=4096)
def condition_references(expression: str) -> tuple[str, ...]:
    """Names that a condition reads from ``vars``; ``TemplateSyntaxError`` also for any name that is not ``vars``."""
    found = expression_names(expression, "condition")
    other = next((name for name in found.names if name != "vars"), None)
    if other:
        raise TemplateSyntaxError(f"unknown name '{other}' in the condition; write variables as vars.{other}")
    if "vars" in found.wholes:
        raise TemplateSyntaxError("'vars' is read as a whole; write vars.name for one variable")
    return found.attributes.get("vars", ())


@dataclass(frozen=True, slots=True)
class ExpressionNames:
    """What an expression reads: names, each once and in order; of each name the attributes; names read as a whole."""

    names: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    wholes: frozenset[str]


def expression_names(expression: str, kind: str) -> ExpressionNames:
    """The names of an expression; ``kind`` is what messages call it. ``TemplateSyntaxError`` if it is none."""
    from jinja2 import nodes

    if "{{" in expression or "{%" in expression:
        raise TemplateSyntaxError(f"a {kind} is an expression, not a template; write it without {{{{ }}}}")
    environment = sandbox(f"a {kind}")
    try:
        environment.compile_expression(expression)
        tree = environment.parse("{{ (" + expression + ") }}")
    except NotAllowedError as error:
        raise TemplateSyntaxError(str(error)) from None
    except _unreadable() as error:
        raise TemplateSyntaxError(_sentence(error, kind)) from None
    names = [node.name for node in tree.find_all(nodes.Name)]
    read: dict[str, list[str]] = {}
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        assert isinstance(node, nodes.Getattr | nodes.Getitem)
        attribute = _attribute(node)
        if attribute is not None and isinstance(node.node, nodes.Name):
            read.setdefault(node.node.name, []).append(attribute)
    wholes = frozenset(name for name in names if len(read.get(name, ())) < names.count(name))
    return ExpressionNames(
        tuple(dict.fromkeys(names)),
        {name: tuple(dict.fromkeys(found)) for name, found in read.items()},
        wholes,
    )


def _attribute(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """The name after the dot or, as text, between the brackets."""
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None


def texts(value: object, location: Location) -> Iterator[tuple[Location, str]]:
    """Every text inside a value of lists and mappings, with its location."""
    found: list[tuple[Location, str]] = []
    _collect(value, location, "", found)
    return iter(found)


def templates(value: object, location: Location) -> list[tuple[Location, str]]:
    """The texts inside a value that could be templates, with their locations."""
    found: list[tuple[Location, str]] = []
    _collect(value, location, "{", found)
    return found


def _collect(value: object, location: Location, mark: str, found: list[tuple[Location, str]]) -> None:
    """Add the texts that hold ``mark``. Most definitions consist of such values: this is no generator, for speed."""
    if isinstance(value, str):
        if mark in value:
            found.append((location, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, (*location, key), mark, found)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _collect(item, (*location, index), mark, found)


def parse_template(text: str) -> nodes.Template:
    """The tree of a template; ``TemplateSyntaxError`` if it is none."""
    try:
        return _environment().parse(text)
    except _unreadable() as error:
        raise TemplateSyntaxError(_sentence(error, "template")) from None


def _parsed_references(text: str) -> Iterator[str]:
    from jinja2 import nodes

    try:
        found = list(parse_template(text).find_all((nodes.Getattr, nodes.Getitem)))
    except RecursionError as error:
        raise TemplateSyntaxError(_sentence(error, "template")) from None
    for node in found:
        assert isinstance(node, nodes.Getattr | nodes.Getitem)
        attribute = _attribute(node)
        if attribute is not None and isinstance(node.node, nodes.Name) and node.node.name == "vars":
            yield attribute


@cache
def _unreadable() -> tuple[type[Exception], ...]:
    """What reading a template raises: Jinja's own errors, and Python's for endless numbers and deep nesting."""
    from jinja2 import TemplateError

    return (TemplateError, RecursionError, MemoryError, ValueError, SyntaxError)


@cache
def _environment() -> jinja2.Environment:
    """It reads templates as Airflow does, and fills none.

    Not optimized, because the optimizer computes ``'a' * 10**9`` while a definition is read.
    """
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(extensions=["jinja2.ext.do"], optimized=False)


def _sentence(error: Exception, kind: str) -> str:
    if isinstance(error, RecursionError | MemoryError):
        return f"the {kind} cannot be read: it is nested too deeply"
    if isinstance(error, ValueError):
        return f"the {kind} cannot be read: it holds a number of too many digits"
    reason = str(getattr(error, "message", None) or error).strip().rstrip(".")
    return f"the {kind} cannot be read: {reason}"
