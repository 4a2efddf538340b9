"""Templates of definitions from the store: which names they may read.

They are filled in an environment that holds nothing else (``sandbox``). This says so before anything runs, where the
author sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.definitions.allowed import refused
from airflow_workflow_provider.definitions.diagnostics import one_line, quoted_list
from airflow_workflow_provider.definitions.references import AS_IN_AIRFLOW, TemplateSyntaxError, parse_template
from airflow_workflow_provider.definitions.sandbox import STORED

if TYPE_CHECKING:
    from jinja2 import nodes

VARIABLES: Final = "vars"
LONGEST: Final = 20_000
_MARKS: Final = re.compile(r"\{\{|\{%|\{#")


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
        return f"{STORED} may have {LONGEST} characters, this one has {len(text)}"
    try:
        tree = parse_template(text)
        return refused(tree, STORED) or next(_Names(names).problems(tree, frozenset()), None)
    except TemplateSyntaxError:
        return None  # another rule says so
    except RecursionError:
        return "the template cannot be read: it is nested too deeply"


class _Names:
    """Looks at every name, in Jinja's scopes: what a loop binds is there in its body only."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self._names = AS_IN_AIRFLOW if names is None else names
        self._with_variables = names is None

    def problems(self, node: nodes.Node, bound: frozenset[str]) -> Iterator[str]:
        from jinja2 import nodes as kinds

        if isinstance(node, kinds.For):
            yield from self._loop(node, bound)
        elif isinstance(node, kinds.Name):
            yield from self._name(node.name, bound)
        elif isinstance(node, kinds.Getattr | kinds.Getitem) and self._is_variable(node):
            return
        else:
            for child in node.iter_child_nodes():
                yield from self.problems(child, bound)

    def _loop(self, node: nodes.For, bound: frozenset[str]) -> Iterator[str]:
        """What it goes over and what is there instead of it see the names around it, its test sees its targets, too."""
        from jinja2 import nodes as kinds

        targets = frozenset(
            each.name for each in (node.target, *node.target.find_all(kinds.Name)) if isinstance(each, kinds.Name)
        )
        taken = next((name for name in sorted(targets) if name in self._names or name in (VARIABLES, "loop")), None)
        if taken:
            yield f"'{one_line(taken, limit=50)}' has a meaning already; give the loop's variable another name"
        yield from self.problems(node.iter, bound)
        if node.test is not None:
            yield from self.problems(node.test, bound | targets)
        for child in node.body:
            yield from self.problems(child, bound | targets | {"loop"})
        for child in node.else_:
            yield from self.problems(child, bound)

    def _is_variable(self, node: nodes.Getattr | nodes.Getitem) -> bool:
        """``vars.name`` or ``vars["name"]``."""
        from jinja2 import nodes as kinds

        of_variables = isinstance(node.node, kinds.Name) and node.node.name == VARIABLES and self._with_variables
        by_text = isinstance(node, kinds.Getattr) or (
            isinstance(node.arg, kinds.Const) and isinstance(node.arg.value, str)
        )
        return of_variables and by_text

    def _name(self, name: str, bound: frozenset[str]) -> Iterator[str]:
        if name == VARIABLES and self._with_variables:
            yield f"'{VARIABLES}' may only be read as vars.name in a definition from the store"
        elif name not in self._names and name not in bound:
            known = "variables, as {{ vars.name }}" if self._with_variables else quoted_list(sorted(self._names))
            yield f"{STORED} reads only {known}; '{one_line(name, limit=50)}' is none of them"
