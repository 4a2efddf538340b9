"""The target of a command line. Each brings its own modules; none is loaded for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_workflow_provider import __version__
from airflow_workflow_provider.workflow_run.target_options import (
    APERTURE,
    INTEGRATE_IO,
    read_cluster,
    read_names,
    split_account,
)

if TYPE_CHECKING:
    from airflow_workflow_provider.remote.client import Settings
    from airflow_workflow_provider.workflow_run.clock import Clock
    from airflow_workflow_provider.workflow_run.credentials import Credentials
    from airflow_workflow_provider.workflow_run.options import Options
    from airflow_workflow_provider.workflow_run.reach import Reach
    from airflow_workflow_provider.workflow_run.target import Target

_AGENT = f"workflow-run/{__version__}"


def make_target(options: Options, credentials: Credentials, clock: Clock) -> Target:
    """It has asked nobody yet; ``UsageError`` for what cannot be right."""
    if options.target.target == APERTURE:
        return _aperture(options, credentials, clock)
    if options.target.target == INTEGRATE_IO:
        return _integrate_io(options, credentials, clock)
    from airflow_workflow_provider.workflow_run.airflow import AirflowTarget
    from airflow_workflow_provider.workflow_run.server import Server

    return AirflowTarget(Server(options.url, clock.request_seconds, ca_file=options.ca_file, agent=_AGENT), credentials)


def _aperture(options: Options, credentials: Credentials, clock: Clock) -> Target:
    from airflow_workflow_provider.remote.aperture import SYSTEM, Api
    from airflow_workflow_provider.remote.client import Settings
    from airflow_workflow_provider.workflow_run.aperture import ApertureTarget
    from airflow_workflow_provider.workflow_run.server import verification

    dialect = "v2" if credentials.token is not None else "v1"
    names = read_names(dialect, options.target.names)
    secret = credentials.token or credentials.password or ""
    environment = options.target.environment or ""
    api = Api(dialect, names, user=credentials.username or "", password=secret, environment=environment)
    settings = Settings(
        system=SYSTEM,
        base_url=f"{options.url}/{names.base.strip('/')}/",
        headers={"Accept": "application/json", "User-Agent": _AGENT},
        secrets=(secret,),
        verify=verification(options.url, options.ca_file),
    )
    return ApertureTarget(_reach(settings, clock), api, options.target.space)


def _integrate_io(options: Options, credentials: Credentials, clock: Clock) -> Target:
    from airflow_workflow_provider.remote.client import Settings
    from airflow_workflow_provider.remote.integrate_io import SYSTEM, base_url, basic, headers
    from airflow_workflow_provider.workflow_run.integrate_io import IntegrateIoTarget
    from airflow_workflow_provider.workflow_run.server import verification

    api, account = split_account(options.url)
    key = credentials.token or ""
    settings = Settings(
        system=SYSTEM,
        base_url=base_url(account, api),
        headers={**headers(key), "User-Agent": _AGENT},
        secrets=(key, basic(key)),
        verify=verification(options.url, options.ca_file),
    )
    return IntegrateIoTarget(_reach(settings, clock), read_cluster(options.target.cluster or ""))


def _reach(settings: Settings, clock: Clock) -> Reach:
    from airflow_workflow_provider.workflow_run.reach import Reach
    from airflow_workflow_provider.workflow_run.server import check_address

    check_address(settings.base_url)
    return Reach(settings, clock)
