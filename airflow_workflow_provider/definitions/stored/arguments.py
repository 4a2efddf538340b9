"""Arguments that a definition from the store may give to operators and notifiers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import Location, quoted_list
from airflow_workflow_provider.definitions.references import texts

_CONNECTION: Final = re.compile(
    r"(?:^|_)conn(?:ection)?s?(?:_?(?:id|name|ref|key)s?)?(?:_?[0-9]+)?$"
    r"|(?:^|_)conn(?:ection)?s?_?ids?(?:_|$)"
    r"|(?:^|_)kafka_config_ids?$"
)
"""Names of arguments that name a connection, as ``_words`` writes them."""
_WORD_STARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|-")


@dataclass(frozen=True, slots=True)
class OwnOperator:
    """What an operator of this provider takes; ``connection`` is the argument that names its connection."""

    connection: str
    default_connection: str
    arguments: frozenset[str]


_INTEGRATE_IO: Final = "airflow_workflow_provider.operators.integrate_io.IntegrateIo"
_REMOTE_JOB: Final = "deferrable poll_interval timeout stop_on_kill"


def _own(system: str, arguments: str) -> OwnOperator:
    connection = f"{system}_conn_id"
    names = frozenset([connection, *arguments.split(), *_REMOTE_JOB.split()])
    return OwnOperator(connection, f"{system}_default", names)


OWN_OPERATORS: Final[Mapping[str, OwnOperator]] = {
    f"{_INTEGRATE_IO}RunPackageOperator": _own(
        "integrate_io", "package cluster variables dynamic_variables marker_variable"
    ),
    f"{_INTEGRATE_IO}CreateClusterOperator": _own("integrate_io", "nodes type terminate_on_idle time_to_idle"),
    f"{_INTEGRATE_IO}TerminateClusterOperator": _own("integrate_io", "cluster wait"),
    "airflow_workflow_provider.operators.aperture.ApertureRunWorkflowOperator": _own(
        "aperture",
        "workflow space version parameters refresh_sources dependencies min_duration max_duration conditions",
    ),
}

TASK_KEYS: Final[Mapping[str, str]] = {
    "retries": "retries",
    "retry_delay": "retry_delay",
    "execution_timeout": "timeout",
    "pool": "pool",
    "doc_md": "description",
}
"""Arguments of every operator for which a task has a key."""

HARMLESS: Final = frozenset({"depends_on_past", "do_xcom_push", "wait_for_downstream"})
"""Arguments of every operator that a definition from the store may give."""

OF_EVERY_OPERATOR: Final = frozenset(
    {
        "task_id",
        "owner",
        "email",
        "email_on_retry",
        "email_on_failure",
        "retries",
        "retry_delay",
        "retry_exponential_backoff",
        "max_retry_delay",
        "start_date",
        "end_date",
        "depends_on_past",
        "ignore_first_depends_on_past",
        "wait_for_past_depends_before_skipping",
        "wait_for_downstream",
        "dag",
        "params",
        "default_args",
        "priority_weight",
        "weight_rule",
        "queue",
        "pool",
        "pool_slots",
        "sla",
        "execution_timeout",
        "on_execute_callback",
        "on_failure_callback",
        "on_success_callback",
        "on_retry_callback",
        "on_skipped_callback",
        "pre_execute",
        "post_execute",
        "trigger_rule",
        "resources",
        "run_as_user",
        "map_index_template",
        "max_active_tis_per_dag",
        "max_active_tis_per_dagrun",
        "executor",
        "executor_config",
        "do_xcom_push",
        "multiple_outputs",
        "inlets",
        "outlets",
        "task_group",
        "doc",
        "doc_md",
        "doc_json",
        "doc_yaml",
        "doc_rst",
        "task_display_name",
        "logger_name",
        "allow_nested_operators",
        "render_template_as_native_obj",
        "retry_policy",
        "template_fields",
        "template_ext",
        "is_setup",
        "is_teardown",
        "on_failure_fail_dagrun",
        "start_from_trigger",
        "start_trigger_args",
    }
)
"""Arguments that Airflow's ``BaseOperator`` takes, in any version; ``HARMLESS`` ones are among them."""

_CODE: Final = re.compile(r"_callables?$|^on_|_callbacks?$|^(?:pre|post)_execute$")
_FILES: Final = re.compile(
    r"(?:^|_)(?:files?|file_?names?|paths?|templates?|attach|attachments?|files?_paths?|template_path|config_file)$"
)
_FILE: Final = re.compile(r"[^\s@]+\.(?:html?|txt|md|sql|json|ya?ml|j2|jinja2?|sh|xml|py|cfg|ini|env)")
_SHORTEST_INTERVAL: Final = 1


def named_connections(arguments: Mapping[str, Any], where: Location) -> Iterator[tuple[Location, str]]:
    """Texts that name connections, with their places: all that stands below a name that says so, at any depth."""
    for name, value in arguments.items():
        if _CONNECTION.search(_words(name)):
            yield from _below(value, (*where, name))
        else:
            yield from _deeper(value, (*where, name))


def _deeper(value: Any, where: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, Mapping):
        yield from named_connections(value, where)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _deeper(item, (*where, index))


def _below(value: Any, where: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _below(item, (*where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(item, (*where, index))
    elif isinstance(value, str) or _is_number(value):
        yield where, str(value)


def _words(name: str) -> str:
    """``sourceConnId`` and ``source-conn-id`` as ``source_conn_id``."""
    return _WORD_STARTS.sub("_", name).lower()


def operator_argument_problem(operator: str, argument: str, value: Any) -> str | None:
    """Why a definition from the store may not give an argument to an operator that it may run; ``None`` if it may."""
    if _CODE.search(argument):
        return f"'{argument}' is code, which a definition from the store may not give"
    own = OWN_OPERATORS.get(operator)
    if own is not None and argument in own.arguments:
        if argument == "poll_interval" and not (_is_number(value) and value >= _SHORTEST_INTERVAL):
            return f"'poll_interval' is a number of seconds from {_SHORTEST_INTERVAL} on in a definition from the store"
        return None
    if argument in TASK_KEYS:
        return f"'{argument}' cannot be given here; use the task's key '{TASK_KEYS[argument]}'"
    if own is not None and argument not in HARMLESS:
        return (
            f"a definition from the store may not give '{argument}' to this operator; it may give "
            f"{quoted_list(sorted(own.arguments | HARMLESS), limit=30)}"
        )
    if argument in OF_EVERY_OPERATOR - HARMLESS:
        return (
            f"a definition from the store may not give '{argument}', which changes how Airflow runs the task; of the "
            f"arguments of every operator it may give {quoted_list(sorted(HARMLESS))}"
        )
    return None


def notifier_argument_problem(argument: str, value: Any) -> str | None:
    """Why a definition from the store may not give an argument to a notifier that it may use; ``None`` if it may."""
    if _CODE.search(argument) or argument == "context":
        return f"'{argument}' may not be given in a definition from the store"
    if _FILES.search(argument):
        return f"'{argument}' names files, which a definition from the store may not read"
    for _, text in texts(value, ()):
        if _FILE.fullmatch(text.strip()):
            return "this is the name of a file, which Airflow would read; a definition from the store gives the text"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
