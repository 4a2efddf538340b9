"""What conditions and checks may consist of, and templates of definitions from the store: one list for all of them.

They read names, compare them and pass them through filters. Nothing is called, and nothing that is listed makes much
out of little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.definitions.diagnostics import one_line, quoted_list

if TYPE_CHECKING:
    from jinja2 import nodes

_MOST_PLACES: Final = 500
_MOST_FILTERS: Final = 3
_LARGEST_ARGUMENT: Final = 100
LOOP: Final = frozenset({"first", "index", "index0", "last", "length", "revindex", "revindex0"})
"""What can be read of ``loop``."""

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
        "Mul",
        "Div",
        "FloorDiv",
        "Mod",
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
TESTS: Final = frozenset(
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
_WORDS: Final = {
    "Call": "calls",
    "Pow": "'**'",
    "Slice": "slices",
    "Assign": "{% set %}",
    "AssignBlock": "{% set %}",
    "ExprStmt": "{% do %}",
}


def refused(tree: nodes.Node, what: str) -> str | None:
    """Why a text may not be so, in one sentence; ``None`` if it may. ``what`` it is: ``a condition``."""
    return next(_Looked(what).problems(tree, in_loop=False), None)


class _Looked:
    """One look at every node of a text, from the outside to the inside."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._places = 0

    def problems(self, node: nodes.Node, *, in_loop: bool) -> Iterator[str]:
        kind = type(node).__name__
        if kind not in _NODES:
            used = _WORDS.get(kind, f"{{% {kind.lower()} %}}")
            yield f"{self._what} may not use {used}; it reads names, compares them and passes them through filters"
            return
        check = getattr(self, f"_{kind.lower()}", None)
        if check is not None:
            yield from check(node, in_loop)
        inside = in_loop or kind == "For"
        for child in node.iter_child_nodes():
            yield from self.problems(child, in_loop=inside)

    def _getattr(self, node: nodes.Getattr, _: bool) -> Iterator[str]:
        yield from self._attribute(node.node, node.attr)

    def _getitem(self, node: nodes.Getitem, _: bool) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if isinstance(node.arg, kinds.Const) and isinstance(node.arg.value, str):
            yield from self._attribute(node.node, node.arg.value)

    def _attribute(self, of: nodes.Node, attribute: str) -> Iterator[str]:
        from jinja2 import nodes as kinds

        name = of.name if isinstance(of, kinds.Name) else None
        if attribute.startswith("__") or (attribute.startswith("_") and name != "vars"):
            yield f"{self._what} may not read '{one_line(attribute, limit=50)}'"
        elif name == "loop" and attribute not in LOOP:
            yield f"{self._what} may not read 'loop.{one_line(attribute, limit=50)}'"

    def _output(self, node: nodes.Output, _: bool) -> Iterator[str]:
        self._places += len(node.nodes)
        if self._places > _MOST_PLACES:
            yield f"{self._what} may have {_MOST_PLACES} places to fill at most"

    def _filter(self, node: nodes.Filter, _: bool) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if node.name not in FILTERS:
            yield (
                f"{self._what} may not use the filter '{node.name}'; "
                f"there are {quoted_list(sorted(FILTERS), limit=len(FILTERS))}"
            )
        inner = list(node.node.find_all(kinds.Filter)) if node.node is not None else []
        if isinstance(node.node, kinds.Filter):
            inner.append(node.node)
        if len(inner) >= _MOST_FILTERS:
            yield f"{self._what} may use {_MOST_FILTERS} filters one after the other"
        if node.name == "join" and any(each.name == "join" for each in inner):
            yield f"{self._what} may use the filter 'join' once in an expression"
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            yield f"{self._what} must write out the arguments of a filter"
        if node.name not in ("d", "default"):
            yield from self._filter_arguments(node)

    def _filter_arguments(self, node: nodes.Filter) -> Iterator[str]:
        from jinja2 import nodes as kinds

        for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
            value = argument.value if isinstance(argument, kinds.Const) else argument
            size = len(value) if isinstance(value, str) else abs(value) if isinstance(value, int | float) else None
            hidden = isinstance(value, str) and value.startswith("_")
            if hidden or (size is None and value is not None) or (size or 0) > _LARGEST_ARGUMENT:
                yield f"{self._what} must give the filter '{node.name}' texts or numbers, and small ones"

    def _of_numbers(self, node: nodes.BinExpr, _: bool) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if any(isinstance(side, kinds.Const) and isinstance(side.value, str) for side in (node.left, node.right)):
            yield f"{self._what} may not use '{node.operator}' with a text; it needs two numbers"

    _mul = _sub = _div = _floordiv = _mod = _of_numbers

    def _test(self, node: nodes.Test, _: bool) -> Iterator[str]:
        if node.name not in TESTS:
            known = quoted_list(sorted(TESTS), limit=len(TESTS))
            yield f"{self._what} may not use the test '{node.name}'; there are {known}"

    def _for(self, node: nodes.For, in_loop: bool) -> Iterator[str]:
        if in_loop or node.recursive:
            yield f"{self._what} may not have a loop in a loop"
