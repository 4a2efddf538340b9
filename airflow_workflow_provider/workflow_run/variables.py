"""``--variable``: which workflow gets which value, of which type, and whether it may have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_workflow_provider.definitions.diagnostics import one_line, unknown_name
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce
from airflow_workflow_provider.workflow_run.scoped import Scoped
from airflow_workflow_provider.workflow_run.target import Readiness, Variable


@dataclass(slots=True)
class Assigned:
    """What each workflow is started with, and what is wrong, by workflow; ``""`` is none of them in particular."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


def assign(given: Iterable[Scoped[tuple[str, str]]], ready: Mapping[str, Readiness]) -> Assigned:
    """Give each value to the workflow that it names, or to all that declare it; the last one given wins."""
    assigned, refused = Assigned({workflow: {} for workflow in ready}), set[tuple[str, str]]()
    for scoped in given:
        name, text = scoped.value
        takers = [scoped.workflow] if scoped.workflow else [each for each in ready if _knows(ready[each], name)]
        if not takers:
            known = {known for readiness in ready.values() for known in readiness.variables or ()}
            seen = "" if all(each.seen for each in ready.values()) else " of those that could be looked at"
            assigned.problems.append(("", f"no workflow{seen} declares it: {unknown_name('variable', name, known)}"))
        for workflow in takers:
            try:
                assigned.values[workflow][name] = _value(name, text, ready[workflow])
            except ValueTypeError as error:
                assigned.problems.append((workflow, one_line(str(error))))
                refused.add((workflow, name))
    for workflow, readiness in ready.items():
        variables = [each for each in (readiness.variables or {}).values() if (workflow, each.name) not in refused]
        problems = _unfit(assigned.values[workflow], variables)
        assigned.problems.extend((workflow, problem) for problem in problems)
    return assigned


def _knows(readiness: Readiness, name: str) -> bool:
    return readiness.seen and (readiness.variables is None or name in readiness.variables)


def _value(name: str, text: str, readiness: Readiness) -> Any:
    """The text as the declared type holds it, fit for JSON."""
    if readiness.variables is None:
        return text
    if name not in readiness.variables:
        raise ValueTypeError(unknown_name("variable", name, readiness.variables))
    declared = readiness.variables[name].type
    value: Any = text
    if declared == "json":  # on a command line also numbers and booleans are text
        with suppress(ValueError):
            value = json.loads(text, parse_float=Decimal)
    return _plain(coerce(value, declared, name), name)


def _plain(value: Any, name: str) -> Any:
    """A value as JSON has it; a decimal that JSON numbers cannot hold exactly is refused."""
    if isinstance(value, Decimal):
        number = float(value)
        if Decimal(repr(number)) != value:
            raise ValueTypeError(f"variable '{name}': {value} has more digits than a JSON number keeps")
        return number
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    return value


def _unfit(values: Mapping[str, Any], variables: Iterable[Variable]) -> Iterator[str]:
    """Values, given or default, that the server would refuse when the run is started."""
    for variable in variables:
        name = variable.name
        value = values.get(name, variable.default)
        if value is None and name not in values and not _allows_null(variable):
            yield f"variable '{name}' has no value; give it one with --variable {name}=VALUE"
        elif problem := _misfit(value, variable):
            yield f"variable '{name}': {one_line(problem, limit=300)}"


def _allows_null(variable: Variable) -> bool:
    words = variable.schema.get("type")
    return words is None or words == "null" or (isinstance(words, list) and "null" in words)


def _misfit(value: Any, variable: Variable) -> str | None:
    """What a JSON Schema validator, the one that Airflow uses, finds."""
    if not variable.schema:
        return None
    # Not at the top: it is slow to import, and many workflows have no variables.
    import jsonschema

    try:
        jsonschema.validate(value, variable.schema, format_checker=jsonschema.FormatChecker())
    except jsonschema.ValidationError as error:
        return str(error.message)
    except jsonschema.SchemaError:
        return None  # the server will say
    return None
