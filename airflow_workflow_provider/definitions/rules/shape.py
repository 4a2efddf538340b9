"""shape: keys, types and values, by the models. Says what was expected in words, not in pydantic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from pydantic import ValidationError

from airflow_workflow_provider.definitions import models
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, quoted_list, suggestion
from airflow_workflow_provider.definitions.values import describe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RULE: Final = "shape"
MAX_FINDINGS: Final = 500

M = TypeVar("M", bound=models.Model)

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "float_type": "a number",
}
_NAME_PATTERNS: Final = {
    models.WORKFLOW_NAME: "letters, digits, '_', '-' and '.'",
    models.TASK_NAME: "a letter or '_', then letters, digits, '_' or '-'",
    models.VARIABLE_NAME: "a letter or '_', then letters, digits or '_'",
}
_TASK_MODELS: Final[dict[str | int, type[models.Model]]] = {
    "<sql>": models.SqlTask,
    "<package>": models.PackageTask,
    "<workflow>": models.WorkflowTask,
    "<operator>": models.OperatorTask,
}


def validate(model: type[M], data: Mapping[str, Any]) -> tuple[M | None, list[Finding]]:
    """``data`` as a model, or every error of its shape."""
    own, other = ("workflow", "package") if model is models.Workflow else ("package", "workflow")
    if own not in data and other in data:
        message = f"this is a {other}, not a {own}; name the file *.{other}.yaml"
        return None, [Finding((other,), message, RULE, on_key=True)]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        findings = dict.fromkeys(_finding(detail, model) for detail in details[:MAX_FINDINGS])
        if len(details) > MAX_FINDINGS:
            more = f"there are {len(details) - MAX_FINDINGS} more errors of this kind"
            findings[Finding((), more, RULE)] = None
        return None, list(findings)


def _finding(details: ErrorDetails, model: type[models.Model]) -> Finding:
    raw = details["loc"]
    on_key = details["type"] == "extra_forbidden" or (bool(raw) and raw[-1] == "[key]")
    location = tuple(part for part in raw if part != "[key]" and part not in _TASK_MODELS)
    if details["type"] == "missing":
        location = location[:-1]
    return Finding(location, _message(details, raw, model), RULE, on_key=on_key)


def _message(details: ErrorDetails, raw: Location, model: type[models.Model]) -> str:
    kind, value, context = details["type"], details.get("input"), details.get("ctx", {})
    if kind == "missing":
        return f"'{raw[-1]}' is missing; it is required here"
    if kind == "extra_forbidden":
        return _unknown_key(str(raw[-1]), raw, model)
    if kind == "union_tag_not_found":
        return _task_kind(value)
    if kind == "literal_error":
        near = (
            suggestion(value, context["expected"].replace("'", "").replace(" or ", ", ").split(", "))
            if isinstance(value, str)
            else ""
        )
        return f"expected {context['expected']}, got {describe(value)}{near}"
    if kind == "string_pattern_mismatch":
        return _bad_name(context["pattern"], value)
    if kind in ("too_short", "string_too_short"):
        return "this is empty; give at least one value"
    if kind == "string_too_long":
        return f"a name has {context['max_length']} characters at most, this one has {len(str(value))}"
    if kind == "greater_than":
        return f"expected more than {context['gt']:g}, got {value}"
    if kind == "greater_than_equal":
        return f"expected {context['ge']} or more, got {value}"
    if kind == "less_than_equal":
        return f"expected {context['le']} or less, got {value}"
    if kind in _EXPECTED:
        return f"expected {_expected(kind, raw)}, got {describe(value)}"
    return str(details["msg"])


def _expected(kind: str, raw: Location) -> str:
    """Fields with a short form say it."""
    short_forms = {
        "depends_on": "a task name, a list of task names or a mapping of task: outcome",
        "sql": "a statement, a list of statements or the path of a .sql file",
        "set": "a variable name or a mapping of variable: column",
    }
    if raw and kind in ("list_type", "dict_type", "model_type"):
        if raw[-1] in short_forms:
            return short_forms[str(raw[-1])]
        if len(raw) > 1 and raw[-2] == "depends_on":
            return "an outcome (success, failure, completion, skipped) or a list of them"
    return _EXPECTED[kind]


def _bad_name(pattern: str, value: object) -> str:
    if pattern in _NAME_PATTERNS:
        return f"'{value}' is not a valid name; expected {_NAME_PATTERNS[pattern]}"
    return f"'{value}' is not a dotted path; write for example package.module.Name"


def _task_kind(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"expected a mapping that describes the task, got {describe(value)}"
    given = [kind for kind in models.TASK_KINDS if kind in value]
    if given:
        return f"a task does one thing, but this one has {quoted_list(given)}; keep one of them"
    misspelt = next(
        (
            f"; did you mean '{kind}' for '{key}'?"
            for key in value
            for kind in models.TASK_KINDS
            if suggestion(str(key), [kind])
        ),
        "",
    )
    return f"a task needs exactly one of {quoted_list(models.TASK_KINDS)}{misspelt}"


def _unknown_key(key: str, raw: Location, model: type[models.Model]) -> str:
    known = _known_keys(raw[:-1], model)
    hint = suggestion(key, known) or f"; known here: {quoted_list(known, limit=20)}"
    return f"unknown key '{key}'{hint}"


def _known_keys(parents: Location, model: type[models.Model]) -> list[str]:
    """Keys of the model that a location leads to."""
    owner = model
    for part in parents:
        if part in _TASK_MODELS:
            owner = _TASK_MODELS[part]
        elif part in owner.model_fields:
            owner = _nested_model(owner.model_fields[str(part)].annotation) or owner
    return [field.alias or name for name, field in owner.model_fields.items()]


def _nested_model(annotation: Any) -> type[models.Model] | None:
    """The model inside of a field's type, in a list, a mapping or an optional one as well."""
    if isinstance(annotation, type) and issubclass(annotation, models.Model):
        return annotation
    nested = map(_nested_model, get_args(annotation))
    return next((each for each in nested if each is not None), None)
