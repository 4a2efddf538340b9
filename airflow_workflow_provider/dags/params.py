"""The fields of the trigger form: variables as params of a DAG."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import Param

from airflow_workflow_provider.compiler.plan import Plan, PlannedVariable

# jsonschema checks "date-time" only where one more package is installed.
_DAY: Final = (
    r"[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
)
_DATETIME: Final = (
    rf"^{_DAY}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?(Z|[-+][0-9]{{2}}:?([0-9]{{2}})?)?)?$"
)
_SCHEMAS: Final[dict[str | None, dict[str, Any]]] = {
    None: {},
    "string": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time", "pattern": _DATETIME},
    "json": {"type": ["object", "array", "string", "number", "boolean", "null"]},
}


def params(plan: Plan) -> dict[str, Param]:
    """A field for every variable but the secrets."""
    return {variable.name: _param(variable) for variable in plan.variables if variable.secret is None}


def _param(variable: PlannedVariable) -> Param:
    """The field of the trigger form; one without a default must be filled in."""
    schema = dict(_SCHEMAS[variable.type])
    if variable.required and "type" in schema:
        schema["type"] = [kind for kind in schema["type"] if kind != "null"]
    if variable.required and variable.default is None:
        return Param(description=variable.description, **schema)
    return Param(variable.default, description=variable.description, **schema)
