"""``vars``: no variable is hidden by what Python calls things."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_workflow_provider.definitions.sandbox import sandboxed_expression
from airflow_workflow_provider.operators.variables import VariablesView

NAMES = ["rows", "items", "keys", "values", "get", "_private", "read"]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_can_be_read_by_its_name(name: str) -> None:
    view = VariablesView({name: 3}.__getitem__)
    assert view[name] == 3
    assert sandboxed_expression(f"vars.{name} == 3")({"vars": view})
    assert sandboxed_expression(f'vars["{name}"] == 3')({"vars": view})


@pytest.mark.parametrize("name", NAMES)
def test_in_the_templates_of_operators_as_well(name: str) -> None:
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment

    environment: Any = SandboxedEnvironment
    template = environment().from_string(f"{{{{ vars.{name} }}}}")
    assert template.render({"vars": VariablesView({name: 3}.__getitem__)}) == "3"
