"""Integrate.io's clusters, on which jobs run: what is asked, what answers mean."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from airflow_workflow_provider.remote.calls import Answer, Flow, RemoteError, Request, create, send
from airflow_workflow_provider.remote.integrate_io import SYSTEM, list_all
from airflow_workflow_provider.remote.waiting import wait_until

log = logging.getLogger(__name__)

USABLE: Final = ("available", "idle", "scaling", "creating", "pending")
"""Statuses of a cluster that takes jobs, the best first."""
UP: Final = frozenset({"available", "idle", "scaling"})
DOWN: Final = frozenset({"terminated", "error"})
GONE: Final = frozenset({"error", "pending_terminate", "terminating", "terminated"})


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as the API tells it."""

    id: int
    status: str
    nodes: int | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster to be found or started; ``time_to_idle`` in seconds."""

    nodes: int = 1
    type: str = "production"
    terminate_on_idle: bool = True
    time_to_idle: int | None = None

    def body(self) -> dict[str, Any]:
        """As the API wants it."""
        given = {"nodes": self.nodes, "type": self.type, "terminate_on_idle": self.terminate_on_idle}
        return given if self.time_to_idle is None else {**given, "time_to_idle": self.time_to_idle}

    def fits(self, cluster: Cluster) -> bool:
        """Whether a cluster can do instead; sandbox clusters have one size."""
        return cluster.type == self.type and (self.type == "sandbox" or cluster.nodes in (None, self.nodes))


def read_cluster(answer: Answer) -> Cluster:
    """The cluster in an answer."""
    return _cluster(answer.data)


def _cluster(data: Any) -> Cluster:
    if not isinstance(data, dict) or not isinstance(data.get("id"), int) or not isinstance(data.get("status"), str):
        raise RemoteError(f"{SYSTEM} answered with something that is not a cluster", passing=True, maybe_done=True)
    return Cluster(data["id"], data["status"], data.get("nodes"), data.get("type"))


def cluster(cluster_id: int) -> Flow[Cluster]:
    """One cluster as it now is."""
    return read_cluster((yield Request("GET", f"clusters/{cluster_id}")))


def clusters() -> Flow[list[Cluster]]:
    """All clusters that the account knows of."""
    return [_cluster(item) for item in (yield from list_all("clusters"))]


def create_cluster(wanted: NewCluster, known: frozenset[int], wait: float = 1.0) -> Flow[Cluster]:
    """A new cluster; if the answer is lost, the one that has appeared beside the ``known`` ones is it."""

    def appeared() -> Flow[Cluster | None]:
        return next((c for c in (yield from clusters()) if c.id not in known and wanted.fits(c)), None)

    request = Request("POST", "clusters", body=wanted.body(), repeatable=False)
    return (yield from create("cluster", lambda: send(request), read_cluster, appeared, wait))


def find_or_create_cluster(wanted: NewCluster, wait: float = 1.0) -> Flow[Cluster]:
    """A cluster that fits, the readiest first; a new one if there is none. Jobs may be sent to it before it is up."""
    all_ = yield from clusters()
    fitting = [c for c in all_ if c.status in USABLE and wanted.fits(c)]
    found = min(fitting, key=lambda c: (USABLE.index(c.status), c.id), default=None)
    if found is not None:
        log.info("Cluster %s is %s and fits", found.id, found.status)
        return found
    made = yield from create_cluster(wanted, frozenset(c.id for c in all_), wait)
    log.info("Started cluster %s", made.id)
    return made


def terminate_cluster(cluster_id: int) -> Flow[Cluster | None]:
    """Let a cluster end; ``None`` if there is none of that id."""
    try:
        answer = yield Request("DELETE", f"clusters/{cluster_id}")
    except RemoteError as error:
        if error.status == 404:
            return None
        raise
    return read_cluster(answer) if answer.data else (yield from cluster(cluster_id))


def wait_for_cluster(
    cluster_id: int, statuses: frozenset[str], interval: float, deadline: float | None = None
) -> Flow[Cluster]:
    """The cluster once it has one of the statuses; an error when it is gone before, or the deadline has passed."""

    def is_there(now: Cluster) -> bool:
        if now.status in GONE and not statuses & GONE:
            raise RemoteError(f"{SYSTEM}: cluster {cluster_id} is {now.status}")
        return now.status in statuses

    def too_late(seen: Cluster | None) -> str:
        return f"{SYSTEM}: the timeout is over, but cluster {cluster_id} is {seen.status if seen else 'not known'}"

    return wait_until(is_there, lambda: cluster(cluster_id), f"cluster {cluster_id}", too_late, interval, deadline)
