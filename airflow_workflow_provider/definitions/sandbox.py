"""Where conditions, checks and templates of stored definitions are evaluated: an environment with nothing in it.

Whatever gets past a check finds no function, no object of Airflow's or Python's and no way to use up the machine:
names lead to the values that are given, parts of a value are its keys and positions, loops go over lists and mappings,
numbers stay small, texts have a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow_workflow_provider.definitions.allowed import FILTERS, LOOP, TESTS, refused

if TYPE_CHECKING:
    import jinja2

MOST_CHARACTERS: Final = 1_000_000
"""How long the text may become that is made of a template."""
STORED: Final = "a template in a definition from the store"
_MOST_STEPS: Final = 200_000
_MOST_BITS: Final = 4096
_ITEMS: Final = "__items"
_CLOCK: Final = frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond", "days", "seconds"})
_TEXTS: Final = (str, bytes)
_NUMBERS: Final = (int, float, Decimal)


class Names:
    """Values by name, for expressions: ``tasks.items`` is the task, whatever Python's mappings have by that name."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.__read = read

    def __getitem__(self, name: str) -> Any:
        return self.__read(name)


class BudgetError(ValueError):
    """An evaluation that would take or make too much."""


class NotAllowedError(ValueError):
    """A text that uses what it may not use; one sentence."""


@lru_cache(maxsize=4096)
def sandboxed_expression(expression: str, what: str = "a condition") -> Callable[[Mapping[str, Any]], bool]:
    """A function from names to the expression's truth; what is undefined in it raises."""
    environment = sandbox(what)
    environment.parse("{{ (" + expression + ") }}")  # what is not allowed is refused here
    compiled = environment.compile_expression(expression, undefined_to_none=False)

    def evaluate(names: Mapping[str, Any]) -> bool:
        return bool(compiled(**names))

    return evaluate


@cache
def sandbox(what: str = STORED) -> jinja2.Environment:
    """The environment; ``what`` its messages call a text."""
    made: jinja2.Environment = _environment_class()(what)
    return made


@cache
def _environment_class() -> Any:
    """Made when it is first needed: most tasks evaluate nothing."""
    from jinja2 import StrictUndefined, Undefined, nodes
    from jinja2.exceptions import SecurityError
    from jinja2.filters import FILTERS as JINJAS
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

        def __init__(self, what: str) -> None:
            # Not optimized: the optimizer computes while a definition is read.
            super().__init__(undefined=StrictUndefined, optimized=False, cache_size=0)
            self._what = what
            self.globals.clear()
            self.filters = {name: JINJAS[name] for name in FILTERS if name in JINJAS} | _times()
            for name in ("list", "sort", "unique", "sum", "join", "dictsort", "items"):
                self.filters[name] = _not_of_text(name, JINJAS[name])
            self.filters[_ITEMS] = _loop_items
            self.tests = {name: self.tests[name] for name in TESTS}

        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            tree = super()._parse(source, name, filename)
            problem = refused(tree, self._what)
            if problem:
                raise NotAllowedError(problem)
            for loop in list(tree.find_all(nodes.For)):
                loop.iter = nodes.Filter(loop.iter, _ITEMS, [], [], None, None)
                # An empty piece of text for every turn: a step that can be counted.
                loop.body.insert(0, nodes.Output([nodes.TemplateData("")]))
            return tree

        def from_string(self, source: Any, globals: Any = None, template_class: Any = None) -> jinja2.Template:  # noqa: A002
            template = super().from_string(source, globals, template_class)
            if isinstance(source, str):
                template.root_render_func = _within_budget(template.root_render_func)
            return template

        def getattr(self, obj: Any, attribute: str) -> Any:
            return self._part(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            return self._part(obj, argument)

        def _part(self, obj: Any, key: Any) -> Any:
            """A value's key or position comes before everything else, and there is nothing else."""
            if isinstance(obj, Names):
                return obj[key]
            if isinstance(obj, Undefined):
                return getattr(obj, str(key))  # which says what is undefined
            if isinstance(obj, LoopContext):
                return getattr(obj, key) if key in LOOP else self.undefined(obj=obj, name=key)
            if isinstance(obj, date | timedelta) and key in _CLOCK and hasattr(obj, key):
                return getattr(obj, key)
            try:
                if isinstance(obj, Mapping) or (isinstance(obj, list | tuple | str) and type(key) is int):
                    return obj[key]
            except (LookupError, TypeError):
                pass
            return self.undefined(obj=obj, name=str(key))

        def call(self, *_: Any, **__: Any) -> Any:
            raise SecurityError(f"{self._what} may not call anything")

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _check_sizes(operator, left, right)
            return super().call_binop(context, operator, left, right)

    return Sandbox


def _check_sizes(operator: str, left: Any, right: Any) -> None:
    """Numbers of a size that people calculate with; texts, lists and times are only added and subtracted."""
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        bits = sum(each.bit_length() for each in (left, right) if isinstance(each, int))
        if operator == "**" or bits > _MOST_BITS:
            raise BudgetError(f"'{operator}' would make a number that is too large")
        return
    added = operator == "+" and (type(left) is type(right)) and isinstance(left, str | list | tuple)
    times = operator in "+-" and isinstance(left, date | timedelta) and isinstance(right, date | timedelta)
    if not (added or times):
        raise TypeError(f"'{operator}' needs two numbers, not {_kind(left)} and {_kind(right)}")


def _kind(value: Any) -> str:
    from airflow_workflow_provider.definitions.values import describe

    return str(describe(value))[:100]


def _within_budget(render: Callable[[Any], Iterator[str]]) -> Callable[[Any], Iterator[str]]:
    def rendered(context: Any) -> Iterator[str]:
        characters = 0
        for steps, piece in enumerate(render(context)):
            characters += len(piece)
            if characters > MOST_CHARACTERS:
                raise BudgetError(f"the template makes a text of more than {MOST_CHARACTERS} characters")
            if steps > _MOST_STEPS:
                raise BudgetError(f"the template takes more than {_MOST_STEPS} steps")
            yield piece

    return rendered


def _loop_items(value: Any) -> Any:
    """What a loop goes over: every letter of a text would be a turn."""
    if isinstance(value, _TEXTS) or not hasattr(value, "__iter__"):
        raise TypeError(f"a loop goes over a list or a mapping, not over {_kind(value)}")
    return value


def _not_of_text(name: str, made: Any) -> Any:
    """A filter of lists, which would take a text for a list of letters."""
    from functools import wraps

    position = 1 if hasattr(made, "jinja_pass_arg") else 0

    @wraps(made)  # keeps the mark of what Jinja passes first
    def checked(*given: Any, **options: Any) -> Any:
        if len(given) > position and isinstance(given[position], _TEXTS):
            raise TypeError(f"the filter '{name}' takes a list or a mapping, not {_kind(given[position])}")
        return made(*given, **options)

    return checked


def _times() -> dict[str, Callable[[Any], str]]:
    """Airflow's filters for times."""
    return {
        "ds": lambda value: _time(value).strftime("%Y-%m-%d"),
        "ds_nodash": lambda value: _time(value).strftime("%Y%m%d"),
        "ts": lambda value: _time(value).isoformat(),
        "ts_nodash": lambda value: _time(value).strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": lambda value: _time(value).isoformat().replace("-", "").replace(":", ""),
    }


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"the filter needs a time, not {_kind(value)}")
    return value
