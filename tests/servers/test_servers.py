"""The stand-ins refuse what the real systems refuse, and break as they are told to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from scripts.test_servers import faults
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import ACCEPT, IntegrateIo


@pytest.fixture
def account() -> Iterator[IntegrateIo]:
    made = IntegrateIo()
    made.add_package("load")
    made.add_cluster()
    with made.served:
        yield made


@pytest.fixture
def client(account: IntegrateIo) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{account.base_url}/acme/api/",
        headers={"Accept": ACCEPT},
        auth=(account.api_key, ""),
        trust_env=False,
        timeout=5,
    ) as made:
        yield made


def test_a_job_goes_its_way_to_the_end(account: IntegrateIo, client: httpx.Client) -> None:
    made = client.post("jobs", json={"cluster_id": 500, "package_id": 100, "variables": {"day": "2026-01-01"}})
    assert (made.status_code, made.json()["status"], made.json()["variables"]) == (201, "idle", {"day": "2026-01-01"})
    seen = [client.get(f"jobs/{made.json()['id']}").json()["status"] for _ in range(4)]
    assert seen == ["pending", "running", "completed", "completed"]
    assert account.strict.violations == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET", "url": "jobs", "headers": {"Accept": "application/json"}}, 406),
        ({"method": "GET", "url": "jobs", "params": {"limit": 101}}, 422),
        ({"method": "GET", "url": "jobs", "params": {"page": 2}}, 400),
        ({"method": "POST", "url": "jobs", "json": {"cluster_id": "500", "package_id": 100}}, 422),
        ({"method": "POST", "url": "jobs", "json": {"cluster_id": 500, "package_id": 100, "force": True}}, 422),
        ({"method": "POST", "url": "jobs", "data": {"cluster_id": 500}}, 415),
        ({"method": "GET", "url": "job"}, 404),
        ({"method": "PATCH", "url": "jobs"}, 405),
    ],
)
def test_what_no_correct_client_sends_is_refused_and_remembered(
    account: IntegrateIo, client: httpx.Client, request_: dict[str, object], status: int
) -> None:
    answer = client.request(**request_)  # type: ignore[arg-type]
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    assert len(account.strict.violations) == 1


def test_a_wrong_key_or_account_is_refused(account: IntegrateIo, client: httpx.Client) -> None:
    assert client.get("jobs", auth=("other", "")).status_code == 401
    assert client.get(f"{account.base_url}/other/api/jobs").status_code == 403


def test_lists_come_in_pages_with_a_link_to_the_next(account: IntegrateIo, client: httpx.Client) -> None:
    for number in range(50):
        account.add_package(f"p{number}")
    first = client.get("packages", params={"limit": 50})
    assert len(first.json()) == 50
    rest = client.get(first.links["next"]["url"])
    assert len(rest.json()) == 1
    assert "next" not in rest.links


def test_an_answer_can_be_lost_after_the_job_was_started(account: IntegrateIo, client: httpx.Client) -> None:
    job = {"cluster_id": 500, "package_id": 100}
    account.served.order(faults.lost("POST", "/jobs$"))
    with pytest.raises(httpx.ReadTimeout):
        client.post("jobs", json=job, timeout=0.2)
    account.served.order(faults.cut("POST", "/jobs$"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("jobs", json=job)
    assert len(account.jobs) == 2


def test_refusals_and_pages_of_html_do_nothing_else(account: IntegrateIo, client: httpx.Client) -> None:
    account.served.order(
        faults.refused("POST", "/jobs$", 429, headers={"Retry-After": "1"}), faults.html("POST", "/jobs$", status=502)
    )
    answers = [client.post("jobs", json={"cluster_id": 500, "package_id": 100}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 502, 201]
    assert len(account.jobs) == 1


def test_an_outage_ends_on_the_same_port(account: IntegrateIo, client: httpx.Client) -> None:
    account.served.stop()
    with pytest.raises(httpx.ConnectError):
        client.get("jobs")
    account.served.start()
    assert client.get("jobs").status_code == 200


def test_aperture_speaks_both_dialects() -> None:
    studio = Aperture()
    workflow = studio.add_workflow("Workflow 1")
    with studio.served, httpx.Client(base_url=f"{studio.served.address}/api/", trust_env=False) as client:
        assert client.post("v1/login", json={"username": "etl", "password": "wrong"}).status_code == 401
        token = client.post("v1/login", json={"username": "etl", "password": "secret-of-etl"}).json()["token"]
        v1 = {"Authorization": f"Bearer {token}"}
        started = client.post(f"v1/workflows/{workflow['id']}/execute", json={}, headers=v1).json()
        states = [client.get(f"v1/jobs/{started['jobId']}", headers=v1).json()["state"] for _ in range(3)]
        assert states == ["QUEUED", "RUNNING", "COMPLETED"]
        studio.expire_tokens()
        assert client.get("v1/jobs", headers=v1).status_code == 401

        v2 = {"Authorization": "live key-of-live"}
        body = {"externalLabel": "Workflow 1", "spaceExternalLabel": "marketing"}
        assert client.post("v2/workflows/execute", json=body, headers=v2).status_code == 200
        denied = client.post("v2/workflows/execute", json={**body, "spaceExternalLabel": "sales"}, headers=v2)
        assert (denied.status_code, denied.json()) == (403, {"message": "Access denied to Space sales"})
        assert studio.strict.violations == []
