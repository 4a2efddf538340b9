"""Any Airflow notifier: whether it can be used, and calling it so that its failure stays its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from importlib import import_module
from inspect import signature
from typing import Any, Final, cast

from airflow.sdk import BaseNotifier
from asgiref.sync import sync_to_async

from airflow_workflow_provider.definitions.sandbox import sandbox
from airflow_workflow_provider.notifications.told import Told

log = logging.getLogger(__name__)

# A notifier that calls `sys.exit` would take along the process that calls it, and those that are told after it.
_FAILURES: Final = (Exception, SystemExit)

_LINES: Final = (
    "{{ reason }}\n{% for task in failed_tasks %}Failed: {{ task }} {{ task_urls[task] }}\n{% endfor %}{{ run_url }}"
)
_SUBJECT: Final = "{{ workflow }}: {{ 'late' if event == 'on_late' else state }}"

DEFAULT_TEXTS: Final[Mapping[str, str]] = {
    "subject": _SUBJECT,
    "html_content": (
        "<p>{{ workflow | e }}: {{ reason | e }}</p>"
        "{% for task in failed_tasks %}"
        '<p>Failed: <a href="{{ task_urls[task] | e }}">{{ task | e }}</a></p>{% endfor %}'
        '<p><a href="{{ run_url | e }}">{{ run_id | e }}</a></p>'
    ),
    "text": f"{_SUBJECT}\n{_LINES}",
    "message": f"{_SUBJECT}\n{_LINES}",
    "body": f"{_SUBJECT}\n{_LINES}",
}
"""What the well-known arguments of notifiers say where the definition does not give them."""


def make_notifier(cls: type[BaseNotifier], arguments: Mapping[str, Any]) -> BaseNotifier:
    """A notifier for one use (filling its templates changes it); raises what its class raises."""
    return cls(**deepcopy({**_default_texts(cls, arguments), **arguments}))


def _default_texts(cls: type[BaseNotifier], arguments: Mapping[str, Any]) -> dict[str, str]:
    """For arguments that are templates and have no text of their own, also not in a file (SMTP's ``template``)."""
    accepted = signature(cls).parameters
    return {
        name: text
        for name, text in DEFAULT_TEXTS.items()
        if name in accepted and name in cls.template_fields and not (name == "html_content" and "template" in arguments)
    }


def notifier_problem(cls: object, arguments: Mapping[str, Any], event: str) -> str | None:
    """Why a class cannot tell of an event with these arguments, in one sentence; ``None`` if it can."""
    if not (isinstance(cls, type) and issubclass(cls, BaseNotifier)):
        return f"'{getattr(cls, '__qualname__', cls)}' is not a notifier class"
    if not _overrides(cls, "notify") and not (event == "on_late" and _overrides(cls, "async_notify")):
        return f"{cls.__name__} has no 'notify', so it cannot tell of {event}"
    try:
        make_notifier(cls, arguments)
    except Exception as error:  # noqa: BLE001 - whatever the class says is the user's to read
        return f"{cls.__name__} refuses the arguments: {error}"
    return None


def notify(
    notifier: str, arguments: Mapping[str, Any], told: Told, context: Mapping[str, Any], *, stored: bool
) -> bool:
    """Tell a notifier, given by its dotted path; its failure is logged and goes no further.

    ``context``: what Airflow gives, beside what it is ``told``; templates of ``stored`` definitions do not see it.
    """
    try:
        _made(notifier, arguments, told, stored=stored)({**context, **told})
    except _FAILURES:
        log.exception("%s could not tell of %s %s", notifier, told["workflow"], told["run_id"])
        return False
    return True


async def anotify(
    notifier: str, arguments: Mapping[str, Any], told: Told, context: Mapping[str, Any], *, stored: bool
) -> bool:
    """The same where an event loop runs; a notifier that only knows ``notify`` gets a thread."""
    try:
        made = _made(notifier, arguments, told, stored=stored)
        if _overrides(type(made), "async_notify"):
            made.context = cast("Any", {**context, **told})
            await made
        else:
            await sync_to_async(made, thread_sensitive=False)({**context, **told})
    except _FAILURES:
        log.exception("%s could not tell of %s %s", notifier, told["workflow"], told["run_id"])
        return False
    return True


def _made(notifier: str, arguments: Mapping[str, Any], told: Told, *, stored: bool) -> BaseNotifier:
    made = make_notifier(_imported(notifier), arguments)
    if stored:
        fill = made.render_template_fields

        def fill_from_told(context: Any, jinja_env: Any = None) -> None:
            """All its templates, whatever it has made of its arguments, with what it is told and nothing else."""
            fill(cast("Any", dict(told)), sandbox())

        vars(made)["render_template_fields"] = fill_from_told
    return made


def _overrides(cls: type[BaseNotifier], method: str) -> bool:
    return getattr(cls, method) is not getattr(BaseNotifier, method)


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
