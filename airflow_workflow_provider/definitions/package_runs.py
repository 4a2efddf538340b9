"""What a package runs, as an operator class with its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.models import ApertureJob, IntegrateIoJob, Package

RUN_KINDS: Final = ("operator", "integrate_io", "aperture")
_OPERATORS: Final = "airflow_workflow_provider.operators"


@dataclass(frozen=True, slots=True)
class PackageRun:
    """An operator class by its dotted path, its arguments, and the one that names its connection.

    ``written`` is what the definition says, under its own keys, and ``location`` its place inside the package.
    """

    operator: str
    arguments: Mapping[str, Any]
    connection_argument: str
    written: Mapping[str, Any]
    location: Location


def package_run(package: Package) -> PackageRun:
    """What the package does; that it does exactly one thing has been checked."""
    run = package.run
    if run.integrate_io is not None:
        operator = f"{_OPERATORS}.integrate_io.IntegrateIoRunPackageOperator"
        return _job_run("integrate_io", operator, _written(run.integrate_io, "variables", package))
    if run.aperture is not None:
        operator = f"{_OPERATORS}.aperture.ApertureRunWorkflowOperator"
        return _job_run("aperture", operator, _written(run.aperture, "parameters", package))
    return PackageRun(run.operator or "", run.arguments, "conn_id", run.arguments, ("run", "arguments"))


def _job_run(system: str, operator: str, written: Mapping[str, Any]) -> PackageRun:
    connection = f"{system}_conn_id"
    arguments = {connection if name == "connection" else name: value for name, value in written.items()}
    return PackageRun(operator, arguments, connection, written, ("run", system))


def _written(job: IntegrateIoJob | ApertureJob, values: str, package: Package) -> dict[str, Any]:
    """What the definition says of a job; its ``values`` are those named, else all variables of the package."""
    given = {name: _seconds(value) for name, value in job.model_dump(exclude_defaults=True).items()}
    return {values: {name: f"{{{{ vars.{name} }}}}" for name in package.variables}, **given}


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value
