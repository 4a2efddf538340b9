"""What a definition from the store may not do, as far as only the classes of its operators and notifiers tell.

The rules for such definitions see dotted paths and names of arguments. Only the class itself tells where it comes
from, which arguments every operator of this Airflow takes and which texts it takes for names of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import signature
from typing import Any, Final

from airflow.sdk import BaseOperator

from airflow_workflow_provider.definitions.references import texts
from airflow_workflow_provider.definitions.stored.arguments import HARMLESS, OWN_OPERATORS

_NO_FILES: Final = ()


def class_problem(path: str, cls: type) -> str | None:
    """Why a class may not be used under a path; ``None`` if that is where it is defined.

    A module that is allowed has names in it that it has imported from one that is not.
    """
    module = path.rpartition(".")[0]
    if cls.__module__ == module or cls.__module__.startswith(f"{module}."):
        return None
    return (
        f"'{path}' is defined elsewhere, as '{cls.__module__}.{cls.__qualname__}'; a definition from the store names "
        "it so, since that is what [workflows] settings allow"
    )


def operator_problem(path: str, cls: type[BaseOperator], arguments: Mapping[str, Any]) -> str | None:
    """Why a task may not run an operator so; ``None`` if it may."""
    own = OWN_OPERATORS.get(path)
    foreign = (_of_every_operator() - HARMLESS - (own.arguments if own else frozenset())) & set(arguments)
    if foreign:
        return f"a definition from the store may not give '{min(foreign)}', an argument of every operator"
    return class_problem(path, cls)


def read_no_files(operator: BaseOperator) -> None:
    """Let texts of a task be texts: Airflow reads the file that a template names (``load.sql``)."""
    operator.template_ext = _NO_FILES


def notifier_problem(path: str, cls: Any, arguments: Mapping[str, Any]) -> str | None:
    """Why a notifier may not be used so; ``None`` if it may."""
    endings = tuple(getattr(cls, "template_ext", ()))
    for (argument, *_), text in texts(dict(arguments), ()):
        if endings and argument in cls.template_fields and text.endswith(endings):
            return f"'{argument}' ends like the name of a file, which {cls.__name__} would read"
    return class_problem(path, cls) if isinstance(cls, type) else None


@cache
def _of_every_operator() -> frozenset[str]:
    return frozenset(signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
