"""A local Airflow as in production: Celery workers that share nothing but PostgreSQL and Redis with it.

Each worker has a disk of its own (its ``AIRFLOW_HOME``, with the bundles that it materialises), a host name, and
beside the common queue one of its own name. The folder of task logs they share, as over a network file system: the
log servers of Airflow's workers would need a machine each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts import airflow_services
from scripts.airflow_launcher import Component, Launch
from scripts.local_airflow import LocalAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

COMMON_QUEUE: Final = "default"
CONCURRENCY: Final = 2
PING_SECONDS: Final = 1.0
# Airflow looks for its settings' modules in $AIRFLOW_HOME/config.
HOST_NAME_MODULE: Final = '''"""The name of this worker's host."""


def host_name():
    return "{name}"
'''


class CeleryAirflow(LocalAirflow):
    """A ``LocalAirflow`` with CeleryExecutor; the names of its workers are their host names and queues, too.

    ``stop`` also removes the databases and the keys on Redis, and so does the death of the process that started it.
    Ask ``airflow_services.missing_service`` first. ``services`` says what it has on the servers, and is a
    ``new_environment`` of there; ``worker_env`` is what only the workers' environment has.
    """

    def __init__(
        self,
        dags_folder: Path,
        *,
        workers: Sequence[str] = ("east", "west"),
        services: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        worker_env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.services = dict(services or airflow_services.new_environment())
        celery = {
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.services[airflow_services.DATABASE]}",
            "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__OPERATORS__DEFAULT_QUEUE": COMMON_QUEUE,
        }
        options.setdefault("parallelism", len(workers) * CONCURRENCY)
        super().__init__(dags_folder, env={**self.services, **celery, **(env or {})}, **options)
        self.workers = tuple(workers)
        self._worker_env = dict(worker_env or {})

    def disk(self, worker: str) -> Path:
        """The folder that only this worker writes to."""
        return self.home / "disks" / worker

    def stop(self) -> None:
        """Stop every process, then remove the databases and the keys."""
        super().stop()
        airflow_services.remove(self.services)

    def _plan(self, ports: Sequence[int]) -> Launch:
        base = super()._plan(ports)
        services = [sys.executable, str(Path(airflow_services.__file__).resolve())]
        workers = [self._worker(name) for name in self.workers]
        return Launch([*base.components, *workers], [*services, "make"], [*services, "remove"])

    def _worker(self, name: str) -> Component:
        disk = self.disk(name)
        (disk / "config").mkdir(parents=True, exist_ok=True)
        (disk / "config" / f"host_of_{name}.py").write_text(HOST_NAME_MODULE.format(name=name))
        environment = {
            "AIRFLOW_HOME": disk,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"host_of_{name}.host_name",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": disk / "bundles",
            # Tasks have no business with the metadata database; they would find an empty one.
            airflow_services.DATABASE: f"sqlite:///{disk / 'no-metadata.db'}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": self.home / "logs",
        }
        arguments = ["celery", "worker", "--queues", f"{COMMON_QUEUE},{name}", "--celery-hostname", name]
        arguments += ["--without-mingle", "--without-gossip", "--skip-serve-logs"]
        return Component(
            name, arguments, {**{key: str(value) for key, value in environment.items()}, **self._worker_env}
        )

    def _healthy(self, names: Sequence[str], execution_ping: str, since: datetime) -> Iterator[str]:
        yield from super()._healthy([name for name in names if name not in self.workers], execution_ping, since)
        starting = [name for name in names if name in self.workers]
        if starting:
            answering = self.answering_workers()
            yield from (name for name in starting if name in answering)

    def answering_workers(self) -> set[str]:
        """The workers that take messages from the broker."""
        from celery import Celery

        prefix = self.services[airflow_services.KEY_PREFIX]
        with Celery(
            broker=self.services[airflow_services.BROKER],
            broker_transport_options={"global_keyprefix": prefix},
            set_as_current=False,
        ) as app:
            pongs = app.control.ping(timeout=PING_SECONDS)
        return {node.partition("@")[2] for pong in pongs for node in pong}
