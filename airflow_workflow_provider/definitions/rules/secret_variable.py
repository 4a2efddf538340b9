"""secret_variable: a secret comes from an Airflow Variable alone and goes nowhere where it would be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition, set_by
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Variable, WorkflowTask
from airflow_workflow_provider.definitions.reads import template_reads

RULE: Final = "secret_variable"


def check(definition: Definition) -> Iterator[Finding]:
    """Check the workflow's secrets, who sets them and who hands them on."""
    yield from check_secrets(definition.workflow.variables, ("variables",))
    secrets = {name for name, variable in definition.workflow.variables.items() if variable.secret}
    for name, task in definition.tasks.items():
        for variable in set_by(task):
            if variable in secrets:
                message = f"'{variable}' is a secret, which no task can set: what tasks set is stored as an XCom"
                yield Finding(("tasks", name, "set"), message, RULE)
        if isinstance(task, WorkflowTask) and task.variables:
            for location, variable in template_reads(task.variables, ("tasks", name, "variables")):
                if variable in secrets:
                    message = (
                        f"the secret '{variable}' would be stored in the other workflow's run; declare a secret there"
                    )
                    yield Finding(location, message, RULE)


def check_secrets(variables: Mapping[str, Variable], location: Location) -> Iterator[Finding]:
    """Check how secrets are declared."""
    for name, variable in variables.items():
        place = (*location, name)
        if variable.from_ is not None and not variable.secret:
            yield Finding(
                (*place, "from"), "'from' is only for secrets; add 'secret: true', or give a default instead", RULE
            )
        if not variable.secret:
            continue
        if variable.from_ is None:
            message = f"the secret '{name}' comes from nowhere; add 'from' with the key of an Airflow Variable"
            yield Finding((*place, "secret"), message, RULE)
        if variable.default is not None:
            message = f"the default of the secret '{name}' stands here for everyone to read; remove it"
            yield Finding((*place, "default"), message, RULE)
        if variable.type not in (None, "string"):
            message = f"the secret '{name}' is text, because Airflow can only keep text out of logs; remove the type"
            yield Finding((*place, "type"), message, RULE)
