"""What the options mean for each target: which belong to it, which it needs, what an expectation can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_workflow_provider.workflow_run.conditions import Expectation
from airflow_workflow_provider.workflow_run.exits import UsageError
from airflow_workflow_provider.workflow_run.scoped import Scoped

if TYPE_CHECKING:
    from airflow_workflow_provider.remote.aperture_names import Names
    from airflow_workflow_provider.remote.integrate_io_clusters import NewCluster

AIRFLOW: Final = "airflow"
APERTURE: Final = "aperture"
INTEGRATE_IO: Final = "integrate-io"
TARGETS: Final = (AIRFLOW, APERTURE, INTEGRATE_IO)

_OWNERS: Final = {"environment": APERTURE, "space": APERTURE, "names": APERTURE, "cluster": INTEGRATE_IO}
_READABLE: Final[Mapping[str, tuple[str, ...]]] = {
    APERTURE: ("result", "duration"),
    INTEGRATE_IO: ("outputs", "duration"),
}
_CLUSTER: Final = (
    "--cluster: write a cluster's id, or what it must be like, as nodes=2,type=production,time_to_idle=30m"
)


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The target, and the options that only some targets have, as they were given."""

    target: str = AIRFLOW
    environment: str | None = None
    space: str | None = None
    names: str | None = None
    cluster: str | None = None

    def check(self, url: str, username: str | None, token_env: str | None) -> None:
        """``UsageError`` for what is missing or belongs to another target."""
        for option, owner in _OWNERS.items():
            if owner != self.target and getattr(self, option) is not None:
                raise UsageError(f"--{option} is only for --target {owner}")
        if self.target == APERTURE:
            self._check_aperture(username)
        if self.target == INTEGRATE_IO:
            if token_env is None:
                raise UsageError("--target integrate-io needs --token-env, a variable that holds the API key")
            if self.cluster is None:
                raise UsageError(f"--target integrate-io needs --cluster; {_CLUSTER.partition(': ')[2]}")
            split_account(url)

    def _check_aperture(self, username: str | None) -> None:
        if not (self.environment or "").isascii() or not (self.environment or "").isprintable():
            raise UsageError("--environment: only ASCII characters can be sent")
        for option in ("environment", "space"):
            given = getattr(self, option)
            if username is None and not given:
                raise UsageError(f"--target aperture with --token-env (API v2) needs --{option}")
            if username is not None and given is not None:
                raise UsageError(f"--{option} goes with --token-env (API v2); --username means API v1")

    def check_expectations(self, expectations: Sequence[Scoped[Expectation]]) -> None:
        """``UsageError`` for one that reads what the target never tells."""
        readable = _READABLE.get(self.target)
        if readable is None:
            return
        for expectation in (scoped.value for scoped in expectations):
            if expectation.tasks:
                raise UsageError(f"--expect: {expectation.text}: --target {self.target} tells nothing of tasks")
            unknown = [name for name in expectation.variables if name not in readable]
            if unknown:
                there = " and ".join(f"'{name}'" for name in readable)
                raise UsageError(
                    f"--expect: {expectation.text}: '{unknown[0]}' is not known of a job of --target {self.target}; "
                    f"there are {there}"
                )


def split_account(url: str) -> tuple[str, str]:
    """Integrate.io's address without the account, and the account, its last part."""
    api, _, account = url.rpartition("/")
    if not account or api.endswith("/"):
        raise UsageError("--url: with --target integrate-io it ends with the account, as https://api.xplenty.com/acme")
    return api, account


def read_cluster(text: str) -> int | NewCluster:
    """A cluster's id, or what it must be like."""
    from airflow_workflow_provider.definitions.durations import parse_duration
    from airflow_workflow_provider.remote.integrate_io_clusters import NewCluster

    if text.strip().isdecimal():
        return int(text)
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        if name == "nodes" and value.isdecimal() and int(value):
            given[name] = int(value)
        elif name == "type" and value in ("production", "sandbox"):
            given[name] = value
        elif name == "time_to_idle":
            try:
                given[name] = int(parse_duration(value).total_seconds())
            except ValueError as error:
                raise UsageError(f"--cluster: {error}") from None
        else:
            raise UsageError(f"{_CLUSTER}; not '{part.strip()}'")
    return NewCluster(**given)


def read_names(dialect: str, path: str | None) -> Names:
    """The assumed names of Aperture's API, with those that a JSON file replaces."""
    from airflow_workflow_provider.remote.aperture_names import DIALECTS

    if path is None:
        return DIALECTS[dialect]
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(read, dict):
            raise ValueError("it holds no JSON object")
        return DIALECTS[dialect].overridden(read)
    except (OSError, ValueError) as error:
        raise UsageError(f"--names: '{path}': {error}") from None
