"""The stand-ins for Aperture and Integrate.io, seen from ``workflow-run``: the same questions to each."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from airflow_workflow_provider.workflow_run.clock import Clock
from airflow_workflow_provider.workflow_run.credentials import read_credentials
from airflow_workflow_provider.workflow_run.flow import Ending, Flow
from airflow_workflow_provider.workflow_run.options import read_options
from airflow_workflow_provider.workflow_run.report import PlainReport
from airflow_workflow_provider.workflow_run.targets import make_target
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from scripts.test_servers.serving import ServedApp
from tests.workflow_run.conftest import Runner

KINDS = ("v1", "v2", "integrate-io")


class HastyClock(Clock):
    """A clock for which a request may take a second only, and that sleeps a twentieth of what it should."""

    def request_seconds(self) -> float:
        self.check()
        return 1.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 20)


@dataclass
class System:
    """One of the stand-ins; ``start`` is the path of the request that starts a job, ``job`` that of one job."""

    kind: str
    studio: Aperture
    account: IntegrateIo
    names: list[str] = field(default_factory=list)

    @property
    def is_aperture(self) -> bool:
        return self.kind != "integrate-io"

    @property
    def served(self) -> ServedApp:
        return self.studio.served if self.is_aperture else self.account.served

    @property
    def url(self) -> str:
        return self.served.address if self.is_aperture else f"{self.account.base_url}/acme"

    @property
    def start(self) -> str:
        return "/execute$" if self.is_aperture else "/jobs$"

    @property
    def job(self) -> str:
        return r"/jobs/\d+$"

    @property
    def login(self) -> tuple[str, ...]:
        if self.kind == "v1":
            return ("--target", "aperture", "--username", self.studio.user, "--password-env", "KEY")
        if self.kind == "v2":
            place = ("--environment", self.studio.environment, "--space", "marketing")
            return ("--target", "aperture", "--token-env", "KEY", *place)
        return ("--target", "integrate-io", "--token-env", "KEY", "--cluster", "nodes=2")

    @property
    def key(self) -> str:
        return {"v1": self.studio.password, "v2": self.studio.api_key, "integrate-io": self.account.api_key}[self.kind]

    @property
    def runner(self) -> Runner:
        return Runner(self.url, {"KEY": self.key})

    def add(self, *names: str) -> None:
        """Workflows, or packages, of these names."""
        for name in names:
            if self.is_aperture:
                self.studio.add_workflow(name)
            else:
                self.account.add_package(name)

    def script(self, *states: str) -> None:
        """What jobs answer from now on, one state after the other, the last one for good."""
        if self.is_aperture:
            self.studio.job_script = [state.upper() for state in states]
        else:
            self.account.job_script = list(states)

    @property
    def jobs(self) -> list[str]:
        """The workflows of all jobs that were started, in order."""
        if self.is_aperture:
            return [job.values["workflowName"] for job in self.studio.jobs]
        names = {package["id"]: package["name"] for package in self.account.packages}
        return [names[job.values["package_id"]] for job in self.account.jobs]

    @property
    def states(self) -> list[str]:
        """The state of each job as last told, in lower case."""
        if self.is_aperture:
            return [job.state.lower() for job in self.studio.jobs]
        return [job.status for job in self.account.jobs]

    def run_here(self, *arguments: str) -> tuple[Ending, str]:
        """The same as the program, in this process and in a hurry: how it ended, and the lines it printed."""
        options = read_options([*self.login, "--url", self.url, *arguments])
        clock, lines = HastyClock(options.timeout or timedelta(seconds=40)), io.StringIO()
        environment = {**os.environ, "KEY": self.key}
        credentials = read_credentials(options.username, options.password_env, options.token_env, environment)
        target = make_target(options, credentials, clock)
        try:
            return Flow(target, options.request, clock, PlainReport(lines)).run(), lines.getvalue()
        finally:
            target.close()


def looks(system: System, seen: Sequence[str]) -> list[str]:
    """Of the requests, those that start a job or look at one, in order."""
    found = []
    for request in list(system.served.app.requests):
        if request.method == "POST" and request.path.endswith(system.start.strip("$")):
            found.append("start")
        elif request.method == "GET" and "/jobs/" in request.path:
            found.append("look")
    return [each for each in found if each in seen]
