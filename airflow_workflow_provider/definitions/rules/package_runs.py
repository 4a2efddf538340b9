"""package_runs: a package runs exactly one thing; clusters and conditions of remote jobs must be possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import Finding, Location, quoted_list, suggestion
from airflow_workflow_provider.definitions.durations import parse_duration
from airflow_workflow_provider.definitions.models import ApertureJob, IntegrateIoJob, Package
from airflow_workflow_provider.definitions.package_runs import RUN_KINDS
from airflow_workflow_provider.definitions.references import TemplateSyntaxError, expression_names
from airflow_workflow_provider.definitions.values import describe

RULE: Final = "package_runs"

_CONDITION_NAMES: Final = ("result", "duration")


def check_run(package: Package) -> Iterator[Finding]:
    """Check what ``run`` says."""
    given = [kind for kind in RUN_KINDS if getattr(package.run, kind) is not None]
    if not given:
        yield Finding(("run",), f"a package runs exactly one of {quoted_list(RUN_KINDS)}; add one", RULE)
    elif len(given) > 1:
        yield Finding(
            ("run", given[1]), f"a package runs one thing, this one has {quoted_list(given)}", RULE, on_key=True
        )
    elif package.run.arguments and package.run.operator is None:
        message = f"'arguments' are those of an operator; write them under '{given[0]}'"
        yield Finding(("run", "arguments"), message, RULE, on_key=True)


def check_job(package: Package) -> Iterator[Finding]:
    """Check what a job of another system is asked for, as far as that can be known before it runs."""
    if package.run.integrate_io is not None:
        yield from _integrate_io(package.run.integrate_io, ("run", "integrate_io"))
    if package.run.aperture is not None:
        yield from _aperture(package.run.aperture, ("run", "aperture"))


def _integrate_io(job: IntegrateIoJob, location: Location) -> Iterator[Finding]:
    cluster, place = job.cluster, (*location, "cluster")
    if isinstance(cluster, Mapping):
        yield from _cluster(cluster, place)
    elif not _is_id(cluster):
        message = f"{describe(cluster)} is no cluster's id; write a number, or for example {{nodes: 2}}"
        yield Finding(place, message, RULE)


def _cluster(cluster: Mapping[str, Any], location: Location) -> Iterator[Finding]:
    for key, value in cluster.items():
        if key not in _CLUSTER:
            near = suggestion(key, _CLUSTER) or f"; known here: {quoted_list(_CLUSTER)}"
            yield Finding((*location, key), f"unknown key '{key}' of a cluster{near}", RULE, on_key=True)
        elif not (_is_template(value) or _CLUSTER[key][0](value)):
            yield Finding((*location, key), f"expected {_CLUSTER[key][1]}, got {describe(value)}", RULE)


def _aperture(job: ApertureJob, location: Location) -> Iterator[Finding]:
    if job.min_duration is not None and job.max_duration is not None and job.min_duration > job.max_duration:
        message = "no job takes at least 'min_duration' and at most 'max_duration': the first is longer"
        yield Finding((*location, "min_duration"), message, RULE)
    for index, condition in enumerate(job.conditions):
        try:
            found = expression_names(condition, "condition")
        except TemplateSyntaxError as error:
            yield Finding((*location, "conditions", index), str(error), RULE)
            continue
        if other := next((name for name in found.names if name not in _CONDITION_NAMES), None):
            message = f"unknown name '{other}' in the condition; it reads {quoted_list(_CONDITION_NAMES)}"
            yield Finding((*location, "conditions", index), message, RULE)


def _is_template(value: object) -> bool:
    return isinstance(value, str) and "{{" in value


def _is_id(value: object) -> bool:
    return _is_whole(value) or _is_template(value) or (isinstance(value, str) and value.strip().isdecimal())


def _is_whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_time(value: object) -> bool:
    if _is_whole(value, 1):
        return True
    try:
        return parse_duration(value).total_seconds() >= 1
    except ValueError:
        return False


_CLUSTER: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "nodes": (lambda value: _is_whole(value, 1), "a whole number from 1 on"),
    "type": (lambda value: value in ("production", "sandbox"), "'production' or 'sandbox'"),
    "terminate_on_idle": (lambda value: isinstance(value, bool), "true or false"),
    "time_to_idle": (_is_time, "a duration such as 30m, or seconds"),
}
"""What a cluster can be asked for: which values are right, and how to say so."""
