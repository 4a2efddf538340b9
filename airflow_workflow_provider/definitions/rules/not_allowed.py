"""not_allowed: what a definition from the store may not do, with the setting that allows it where one does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, one_line, quoted_list
from airflow_workflow_provider.definitions.models import Notify, OperatorTask, Package, PackageTask
from airflow_workflow_provider.definitions.package_runs import package_run
from airflow_workflow_provider.definitions.references import exact_reference, texts
from airflow_workflow_provider.definitions.rules.notifier import TOLD
from airflow_workflow_provider.definitions.stored.arguments import (
    OWN_OPERATORS,
    named_connections,
    notifier_argument_problem,
    operator_argument_problem,
)
from airflow_workflow_provider.definitions.stored.sql import file_problem
from airflow_workflow_provider.definitions.stored.templates import is_template, template_problem
from airflow_workflow_provider.definitions.stored.trust import Trust, is_plain_id, matches

RULE: Final = "not_allowed"

_TOLD: Final = frozenset(TOLD)


def check(definition: Definition, trust: Trust) -> Iterator[Finding]:
    """Check a definition that comes from the store."""
    workflow = definition.workflow
    yield from _connection(workflow.defaults.connection, ("defaults", "connection"), trust)
    yield from _secrets(definition, trust)
    for name, task in definition.tasks.items():
        yield from _connection(task.connection, ("tasks", name, "connection"), trust)
        yield from _templates(task.variables, ("tasks", name, "variables"))
        if isinstance(task, OperatorTask):
            yield from _operator(task, ("tasks", name), trust)
    for statements in definition.statements.values():
        for statement in statements:
            problem = file_problem(statement.text)
            if problem:
                yield Finding(statement.location, problem, RULE)
    for name, package_task, package in definition.package_tasks():
        yield from _chosen_connections(package_task, package, ("tasks", name), trust)
    yield from _notifiers(workflow.notify, trust)
    yield from _data(definition)


def _connection(connection: object, where: Location, trust: Trust) -> Iterator[Finding]:
    problem = connection_problem(connection, trust) if isinstance(connection, str) else None
    if problem:
        yield Finding(where, problem, RULE)


def connection_problem(connection: str, trust: Trust) -> str | None:
    """Why a definition from the store may not use a connection; ``None`` if it may."""
    shown = one_line(connection, limit=100)
    if is_template(connection) or not is_plain_id(connection):
        return f"'{shown}' is not the plain id of a connection, which a definition from the store has to give"
    if trust.refuses_connection(connection):
        return f"the connection '{shown}' leads to what runs Airflow; no definition from the store may use it"
    if not matches(connection, trust.connections):
        return f"a definition from the store may not use the connection '{shown}'; " + _allows(
            "allowed_connections", trust.connections
        )
    return None


def _allows(setting: str, patterns: Iterable[str]) -> str:
    return f"[workflows] {setting} allows {quoted_list(patterns) or 'none'}"


def _secrets(definition: Definition, trust: Trust) -> Iterator[Finding]:
    for name, variable in definition.workflow.variables.items():
        key = variable.from_
        if key is not None and not (is_plain_id(key) and matches(key, trust.secrets)):
            message = (
                f"a definition from the store may not read the Airflow Variable '{one_line(key, limit=100)}'; "
                + _allows("allowed_secrets", trust.secrets)
            )
            yield Finding(("variables", name, "from"), message, RULE)


def _operator(task: OperatorTask, where: Location, trust: Trust) -> Iterator[Finding]:
    if not matches(task.operator, trust.operators):
        message = (
            f"a definition from the store may not run '{task.operator}'; "
            f"{_allows('allowed_operators', trust.operators)}, and a package may run any operator"
        )
        yield Finding((*where, "operator"), message, RULE)
        return
    own = OWN_OPERATORS.get(task.operator)
    if own is not None and task.arguments.get(own.connection) is None:
        problem = connection_problem(own.default_connection, trust)
        if problem:
            message = f"without '{own.connection}' this uses '{own.default_connection}': {problem}"
            yield Finding((*where, "operator"), message, RULE)
    for argument, value in task.arguments.items():
        place = (*where, "arguments", argument)
        problem = operator_argument_problem(task.operator, argument, value)
        if problem:
            yield Finding(place, problem, RULE, on_key=True)
    yield from _connections(task.arguments, (*where, "arguments"), trust)
    yield from _templates(task.arguments, (*where, "arguments"))


def _connections(arguments: Mapping[str, Any], where: Location, trust: Trust) -> Iterator[Finding]:
    """Connections that arguments name; those that nobody may use are known by their ids, whatever names them."""
    named = dict(named_connections(arguments, where))
    for place, connection in named.items():
        yield from _connection(connection, place, trust)
    for place, text in texts(arguments, where):
        if place not in named and is_plain_id(text) and trust.refuses_connection(text):
            yield from _connection(text, place, trust)
    for place, key in _keys(arguments, where):
        if is_plain_id(key) and trust.refuses_connection(key):
            yield from _connection(key, place, trust)


def _keys(value: Any, where: Location) -> Iterator[tuple[Location, str]]:
    """The keys of mappings, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield (*where, key), key
            yield from _keys(item, (*where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys(item, (*where, index))


def _templates(value: Any, where: Location, names: frozenset[str] | None = None) -> Iterator[Finding]:
    for place, text in texts(value, where):
        problem = template_problem(text, names)
        if problem:
            yield Finding(place, problem, RULE)


def _chosen_connections(task: PackageTask, package: Package, where: Location, trust: Trust) -> Iterator[Finding]:
    """A package may leave its connection to the task: then the task says which, as it would say for itself."""
    for _, text in named_connections(package_run(package).arguments, ()):
        if not is_template(text):
            continue
        name = exact_reference(text)
        declared = package.variables.get(name) if name else None
        if name is None or declared is None:
            yield Finding(
                (*where, "package"),
                f"package '{task.package}' works out its connection ('{one_line(text, limit=100)}'), which cannot be "
                "checked; a package that the store's definitions use takes it from one variable",
                RULE,
            )
        elif name in task.variables:
            given = task.variables[name]
            if isinstance(given, str):
                yield from _connection(given, (*where, "variables", name), trust)
            else:
                message = f"package '{task.package}' takes its connection from '{name}'; give its id, as text"
                yield Finding((*where, "variables", name), message, RULE)
        elif declared.default is None:
            yield Finding(
                (*where, "package"),
                f"package '{task.package}' takes its connection from '{name}'; give '{name}' in 'variables' of this "
                "task, so that it can be checked",
                RULE,
            )


def _notifiers(notify: Notify | None, trust: Trust) -> Iterator[Finding]:
    for event in Notify.model_fields if notify is not None else ():
        for index, each in enumerate(getattr(notify, event)):
            where: Location = ("notify", event, index)
            if not matches(each.notifier, trust.notifiers):
                message = f"a definition from the store may not use the notifier '{each.notifier}'; " + _allows(
                    "allowed_notifiers", trust.notifiers
                )
                yield Finding((*where, "notifier"), message, RULE)
                continue
            for argument, value in each.arguments.items():
                place = (*where, "arguments", argument)
                problem = notifier_argument_problem(argument, value)
                if problem:
                    yield Finding(place, problem, RULE, on_key=True)
            yield from _connections(each.arguments, (*where, "arguments"), trust)
            yield from _templates(each.arguments, (*where, "arguments"), _TOLD)


def _data(definition: Definition) -> Iterator[Finding]:
    """Keys by which Airflow knows, in what it has stored, that a mapping is an object of a class."""
    workflow = definition.workflow
    places: list[tuple[Location, Any]] = [
        *((("variables", name, "default"), each.default) for name, each in workflow.variables.items()),
        *((("schedules", index, "variables"), each.variables) for index, each in enumerate(workflow.schedules)),
    ]
    for name, task in (workflow.tasks or {}).items():
        places.append((("tasks", name, "variables"), task.variables))
        if isinstance(task, OperatorTask):
            places.append((("tasks", name, "arguments"), task.arguments))
    for event in Notify.model_fields if workflow.notify is not None else ():
        for index, each in enumerate(getattr(workflow.notify, event)):
            places.append((("notify", event, index, "arguments"), each.arguments))
    for where, value in places:
        for place, key in _keys(value, where):
            if key.startswith("__"):
                message = "a key that begins with '__' may not stand in a definition from the store; rename it"
                yield Finding(place, message, RULE, on_key=True)
