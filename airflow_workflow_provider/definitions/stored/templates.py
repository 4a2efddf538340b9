"""Templates of definitions from the store: they read the names that they may read, and call nothing.

Airflow fills templates with connections, Airflow Variables and its own objects in reach. So what may stand in a
template is listed here, not what may not. Nothing that is listed makes a long text out of a short one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.definitions.diagnostics import one_line, quoted_list
from airflow_workflow_provider.definitions.references import TemplateSyntaxError, parse_template

if TYPE_CHECKING:
    from jinja2 import nodes

VARIABLES: Final = "vars"
LONGEST: Final = 20_000
_MOST_EXPRESSIONS: Final = 500
_MOST_FILTERS: Final = 3
_LARGEST_ARGUMENT: Final = 100
AS_IN_AIRFLOW: Final = frozenset({"ds", "run_id", "logical_date", "data_interval_start", "data_interval_end"})
"""Built-ins that Airflow knows by the same name, so that ``{{ ds }}`` is right, too."""
_MARKS: Final = re.compile(r"\{\{|\{%|\{#")

_NODES: Final = frozenset(
    {
        "Template",
        "Output",
        "TemplateData",
        "Name",
        "Const",
        "Getattr",
        "Getitem",
        "Filter",
        "Test",
        "CondExpr",
        "And",
        "Or",
        "Not",
        "Compare",
        "Operand",
        "Concat",
        "Add",
        "Sub",
        "Div",
        "Neg",
        "Pos",
        "If",
        "For",
        "List",
        "Tuple",
        "Dict",
        "Pair",
        "Keyword",
    }
)
FILTERS: Final = frozenset(
    {
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "ds",
        "ds_nodash",
        "e",
        "escape",
        "first",
        "float",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "max",
        "min",
        "reverse",
        "round",
        "sort",
        "string",
        "striptags",
        "sum",
        "title",
        "tojson",
        "trim",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "unique",
        "upper",
        "urlencode",
    }
)
_TESTS: Final = frozenset(
    {
        "boolean",
        "defined",
        "eq",
        "equalto",
        "even",
        "false",
        "float",
        "ge",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sequence",
        "string",
        "true",
        "undefined",
    }
)
_LOOP: Final = frozenset({"first", "index", "index0", "last", "length", "revindex", "revindex0"})


def is_template(text: str) -> bool:
    """Whether Airflow would fill anything in."""
    return _MARKS.search(text) is not None


@lru_cache(maxsize=4096)
def template_problem(text: str, names: frozenset[str] | None = None) -> str | None:
    """Why a template may not stand in a definition from the store; ``None`` if it may, or if it cannot be read.

    ``names``: what it reads; ``None`` for the variables of the task, as ``vars.name``.
    """
    if not is_template(text):
        return None
    if len(text) > LONGEST:
        return f"a template in a definition from the store may have {LONGEST} characters, this one has {len(text)}"
    try:
        return next(
            _Walk(AS_IN_AIRFLOW if names is None else names, names is None).problems(parse_template(text)), None
        )
    except TemplateSyntaxError:
        return None  # another rule says so
    except RecursionError:
        return "the template cannot be read: it is nested too deeply"


class _Walk:
    """Looks at every node of a template, from the outside to the inside."""

    def __init__(self, names: frozenset[str], with_variables: bool) -> None:
        self._names = names
        self._with_variables = with_variables
        self._bound: set[str] = set()
        self._expressions = 0

    def problems(self, node: nodes.Node) -> Iterator[str]:
        kind = type(node).__name__
        if kind not in _NODES:
            yield f"a template in a definition from the store may not use {_words(node)}; {_INSTEAD}"
            return
        check = getattr(self, f"_{kind.lower()}", None)
        if check is not None:
            yield from check(node)
        for child in node.iter_child_nodes():
            yield from self.problems(child)
        if kind == "For":
            self._bound.clear()

    def _name(self, node: nodes.Name) -> Iterator[str]:
        if node.ctx == "store":
            return
        if node.name == VARIABLES and self._with_variables:
            # Where it is read rightly, the node above it has taken it away.
            yield "'vars' may only be read as vars.name in a definition from the store"
        elif node.name not in self._names and node.name not in self._bound:
            known = "variables, as {{ vars.name }}" if self._with_variables else quoted_list(sorted(self._names))
            yield f"a template in a definition from the store reads only {known}; '{node.name}' is none of them"

    def _getattr(self, node: nodes.Getattr) -> Iterator[str]:
        yield from self._attribute(node, node.attr)

    def _getitem(self, node: nodes.Getitem) -> Iterator[str]:
        from jinja2 import nodes as kinds

        constant = node.arg.value if isinstance(node.arg, kinds.Const) else None
        yield from self._attribute(node, constant if isinstance(constant, str) else None)

    def _attribute(self, node: nodes.Getattr | nodes.Getitem, attribute: str | None) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if isinstance(node.node, kinds.Name) and attribute is not None and node.node.name not in self._names:
            if node.node.name == VARIABLES and self._with_variables and not attribute.startswith("__"):
                node.node = kinds.TemplateData("")  # read rightly
                return
            if node.node.name == "loop" and self._bound:
                if attribute not in _LOOP:
                    yield f"'loop.{one_line(attribute, limit=50)}' may not be read in a definition from the store"
                return
        if attribute is not None and attribute.startswith("_"):
            yield f"a template may not read '{one_line(attribute, limit=50)}' in a definition from the store"

    def _output(self, node: nodes.Output) -> Iterator[str]:
        self._expressions += len(node.nodes)
        if self._expressions > _MOST_EXPRESSIONS:
            yield f"a template in a definition from the store may have {_MOST_EXPRESSIONS} places to fill at most"

    def _filter(self, node: nodes.Filter) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if node.name not in FILTERS:
            yield (
                f"the filter '{node.name}' may not be used in a definition from the store; "
                f"there are {quoted_list(sorted(FILTERS), limit=len(FILTERS))}"
            )
        inner = list(node.node.find_all(kinds.Filter)) if node.node is not None else []
        if isinstance(node.node, kinds.Filter):
            inner.append(node.node)
        if len(inner) >= _MOST_FILTERS:
            yield f"a template in a definition from the store may use {_MOST_FILTERS} filters one after the other"
        if node.name == "join" and any(each.name == "join" for each in inner):
            yield "the filter 'join' may be used once in an expression of a definition from the store"
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            yield "the arguments of a filter must be written out in a definition from the store"
        if node.name in ("d", "default"):
            return
        for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
            value = argument.value if isinstance(argument, kinds.Const) else argument
            size = len(value) if isinstance(value, str) else abs(value) if isinstance(value, int | float) else None
            hidden = isinstance(value, str) and value.startswith("_")
            if hidden or (size is None and value is not None) or (size or 0) > _LARGEST_ARGUMENT:
                yield (
                    f"an argument of the filter '{node.name}' must be a text or a number, and a small one, in a "
                    "definition from the store"
                )

    def _test(self, node: nodes.Test) -> Iterator[str]:
        if node.name not in _TESTS:
            yield f"the test '{node.name}' may not be used in a definition from the store"

    def _for(self, node: nodes.For) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if self._bound or node.recursive:
            yield "a loop may not stand in a loop in a definition from the store"
        targets = [
            each.name for each in (node.target, *node.target.find_all(kinds.Name)) if isinstance(each, kinds.Name)
        ]
        taken = next((name for name in targets if name in self._names or name in (VARIABLES, "loop")), None)
        if taken:
            yield f"'{taken}' has a meaning already; give the loop's variable another name"
        self._bound.update(targets, ("loop",))


_INSTEAD: Final = "it reads names, compares them and passes them through filters"
_WORDS: Final = {
    "Call": "calls",
    "Mul": "'*'",
    "Pow": "'**'",
    "Mod": "'%'",
    "FloorDiv": "'//'",
    "Slice": "slices",
    "Assign": "{% set %}",
    "AssignBlock": "{% set %}",
    "ExprStmt": "{% do %}",
}


def _words(node: nodes.Node) -> str:
    kind = type(node).__name__
    return _WORDS.get(kind, f"{{% {kind.lower()} %}}")
