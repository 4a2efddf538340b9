"""A stand-in for Integrate.io's REST API v2, from its documentation alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from scripts.test_servers.serving import ServedApp
from scripts.test_servers.strict import Body, Strict, now, page

ACCEPT = "application/vnd.xplenty+json; version=2"
ENDED = ("completed", "failed", "stopped")
STOPPING = ("pending_stoppage", "stopping", "stopped")
LIST = ("offset", "limit", "sort", "direction", "since", "status")


class NewJob(Body):
    """The body of ``POST /jobs``."""

    cluster_id: int
    package_id: int
    variables: dict[str, str] = Field(default_factory=dict)
    dynamic_variables: dict[str, str] = Field(default_factory=dict)


class NewCluster(Body):
    """The body of ``POST /clusters``."""

    nodes: Annotated[int, Field(ge=1)]
    type: Literal["production", "sandbox"] = "production"
    terminate_on_idle: bool = False
    time_to_idle: int = 3600


class ChangedCluster(Body):
    """The body of ``PUT /clusters/:id``."""

    nodes: Annotated[int, Field(ge=1)] | None = None
    terminate_on_idle: bool | None = None
    time_to_idle: int | None = None


@dataclass
class Scripted:
    """A job or cluster; each time somebody asks for it, it takes the next status of its script, the last one stays."""

    values: dict[str, Any]
    script: list[str]

    @property
    def id(self) -> int:
        """Its number."""
        return int(self.values["id"])

    @property
    def status(self) -> str:
        """Its status as last told."""
        return str(self.values["status"])

    def step(self) -> None:
        """Move on to the next status, if there is one."""
        if self.script:
            self.values["status"] = self.script.pop(0)


@dataclass
class IntegrateIo:
    """What the account holds; tests read and change it freely."""

    account_id: str = "acme"
    api_key: str = "key-of-acme"
    packages: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[Scripted] = field(default_factory=list)
    clusters: list[Scripted] = field(default_factory=list)
    job_script: list[str] = field(default_factory=lambda: ["pending", "running", "completed"])
    job_scripts: dict[int, list[str]] = field(default_factory=dict)
    """Scripts of packages, by their ids, whose jobs go another way."""
    cluster_script: list[str] = field(default_factory=lambda: ["creating", "available"])
    outputs: list[dict[str, Any]] = field(
        default_factory=lambda: [{"id": 1, "name": "rows", "records_count": 42, "preview_type": "csv"}]
    )
    errors: str = "line 3: no such column"
    hidden_lists: int = 0
    """In so many listings of jobs, the newest job is not there yet."""
    limit: int = 5000
    remaining: int = 5000
    strict: Strict = field(default_factory=Strict)
    served: ServedApp = field(init=False)

    def __post_init__(self) -> None:
        self.served = ServedApp(make_app(self))

    @property
    def base_url(self) -> str:
        """Where the API is, without the account."""
        return self.served.address

    def add_package(self, name: str, flow_type: str = "dataflow") -> int:
        """A package of the account; returns its id."""
        number = 100 + len(self.packages)
        self.packages.append({"id": number, "name": name, "flow_type": flow_type, "status": "active"})
        return number

    def add_cluster(self, status: str = "available", **values: Any) -> Scripted:
        """A cluster of the account, in this status until its script says otherwise."""
        number = 500 + len(self.clusters)
        made = {"id": number, "nodes": 2, "type": "production", "terminate_on_idle": True, "time_to_idle": 3600}
        self.clusters.append(Scripted({**made, "status": status, "created_at": now(), **values}, []))
        return self.clusters[-1]

    def add_job(self, package_id: int, cluster_id: int, script: list[str], **values: Any) -> Scripted:
        """A job that this account runs."""
        number = 1000 + len(self.jobs)
        made = {
            "id": number,
            "package_id": package_id,
            "cluster_id": cluster_id,
            "status": "idle",
            "progress": 0.0,
            "variables": {},
            "outputs": [],
            "errors": None,
            "runtime_in_seconds": 0,
            "html_url": f"https://dashboard.example/{self.account_id}/jobs/{number}",
            "log_url": f"{self.base_url}/{self.account_id}/api/jobs/{number}/log",
            "created_at": now(),
            "started_at": None,
            "completed_at": None,
            "failed_at": None,
        }
        self.jobs.append(Scripted({**made, **values}, list(script)))
        return self.jobs[-1]

    def find_job(self, number: int) -> Scripted:
        """The job of this number, which there is."""
        return next(job for job in self.jobs if job.id == number)


def make_app(account: IntegrateIo) -> FastAPI:
    """The API over an account."""
    strict = account.strict
    app = FastAPI(openapi_url=None)
    strict.install(app)

    def admit(request: Request, account_id: str) -> None:
        expected = "Basic " + base64.b64encode(f"{account.api_key}:".encode()).decode()
        if request.headers.get("accept") != ACCEPT:
            raise strict.violation(request, 406, f"Accept must be {ACCEPT}")
        strict.check_json(request)
        if request.headers.get("authorization") != expected:
            raise strict.refusal(401, "Access denied, check your API key")
        if account_id != account.account_id:
            raise strict.refusal(403, f"No access to account {account_id}")

    router = APIRouter(prefix="/{account_id}/api", dependencies=[Depends(admit)])
    _add_packages(router, account)
    _add_clusters(router, account)
    _add_jobs(router, account)
    app.include_router(router)

    @app.middleware("http")
    async def count_credits(request: Request, call_next: Callable[[Request], Any]) -> Response:
        account.remaining = max(0, account.remaining - 1)
        response: Response = await call_next(request)
        response.headers["X-RateLimit-Limit"] = str(account.limit)
        response.headers["X-RateLimit-Remaining"] = str(account.remaining)
        return response

    return app


def _listing(request: Request, items: list[dict[str, Any]], offset: int, limit: int) -> JSONResponse:
    """A page of a list, with the address of the next one in the Link header."""
    headers = {}
    if offset + limit < len(items):
        following = request.url.include_query_params(offset=offset + limit, limit=limit)
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse(page(items, offset, limit), headers=headers)


def _selected(items: list[Scripted], request: Request) -> list[dict[str, Any]]:
    """The filters that lists share; ``since`` is compared with the time of creation."""
    query = request.query_params
    found = [item.values for item in items]
    if "status" in query and query["status"] != "all":
        found = [values for values in found if values["status"] == query["status"]]
    if "since" in query:
        found = [values for values in found if values["created_at"] >= query["since"]]
    found.sort(key=lambda values: values["id"], reverse=query.get("direction", "desc") == "desc")
    return found


Offset = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=100)]


def _add_packages(router: APIRouter, account: IntegrateIo) -> None:
    strict = account.strict

    @router.get("/packages")
    async def packages(
        request: Request,
        offset: Offset = 0,
        limit: Limit = 20,
        flow_type: Literal["workflow", "dataflow", "all"] = "all",
    ) -> JSONResponse:
        strict.check_query(request, (*LIST, "flow_type"))
        found = [p for p in account.packages if flow_type in ("all", p["flow_type"])]
        return _listing(request, found, offset, limit)

    def package(number: int) -> dict[str, Any]:
        for found in account.packages:
            if found["id"] == number:
                return found
        raise strict.refusal(404, f"Package {number} not found")

    @router.get("/packages/{number}")
    async def one_package(number: int) -> dict[str, Any]:
        return package(number)

    @router.post("/packages/{number}/validate")
    async def validate(number: int) -> dict[str, Any]:
        failed = package(number).get("invalid")
        return {"id": number, "status": "failed" if failed else "completed", "errors": failed}


def _numbered(items: list[Scripted], number: int, what: str, strict: Strict) -> Scripted:
    for found in items:
        if found.id == number:
            return found
    raise strict.refusal(404, f"{what} {number} not found")


def _add_clusters(router: APIRouter, account: IntegrateIo) -> None:
    strict = account.strict

    def cluster(number: int) -> Scripted:
        return _numbered(account.clusters, number, "Cluster", strict)

    @router.get("/clusters")
    async def clusters(request: Request, offset: Offset = 0, limit: Limit = 20) -> JSONResponse:
        strict.check_query(request, LIST)
        return _listing(request, _selected(account.clusters, request), offset, limit)

    @router.post("/clusters", status_code=201)
    async def new_cluster(body: NewCluster) -> dict[str, Any]:
        made = account.add_cluster("pending", **body.model_dump())
        made.script = list(account.cluster_script)
        return made.values

    @router.get("/clusters/{number}")
    async def one_cluster(number: int) -> dict[str, Any]:
        found = cluster(number)
        found.step()
        return found.values

    @router.put("/clusters/{number}")
    async def change_cluster(number: int, body: ChangedCluster) -> dict[str, Any]:
        found = cluster(number)
        found.values.update(body.model_dump(exclude_none=True))
        return found.values

    @router.delete("/clusters/{number}")
    async def terminate(number: int) -> dict[str, Any]:
        found = cluster(number)
        if found.status not in ("terminating", "terminated"):
            found.values["status"] = "pending_terminate"
            found.script = ["terminating", "terminated"]
        return found.values


def _add_jobs(router: APIRouter, account: IntegrateIo) -> None:
    strict = account.strict

    def job(number: int) -> Scripted:
        return _numbered(account.jobs, number, "Job", strict)

    @router.get("/jobs")
    async def jobs(
        request: Request, offset: Offset = 0, limit: Limit = 20, package_id: int | None = None
    ) -> JSONResponse:
        strict.check_query(request, (*LIST, "package_id"))
        known = account.jobs
        if account.hidden_lists and known:
            account.hidden_lists -= 1
            known = known[:-1]
        found = [v for v in _selected(known, request) if package_id in (None, v["package_id"])]
        return _listing(request, found, offset, limit)

    @router.post("/jobs", status_code=201)
    async def new_job(body: NewJob) -> dict[str, Any]:
        if body.package_id not in [package["id"] for package in account.packages]:
            raise strict.refusal(422, f"Package {body.package_id} does not exist")
        on = next((cluster for cluster in account.clusters if cluster.id == body.cluster_id), None)
        if on is None or on.status in ("pending_terminate", "terminating", "terminated", "error"):
            raise strict.refusal(422, f"Cluster {body.cluster_id} is not available")
        given = body.model_dump(include={"variables", "dynamic_variables"})
        script = account.job_scripts.get(body.package_id, account.job_script)
        return account.add_job(body.package_id, body.cluster_id, script, **given).values

    @router.get("/jobs/{number}")
    async def one_job(request: Request, number: int, include: Literal["log_summary"] | None = None) -> dict[str, Any]:
        strict.check_query(request, ("include",))
        found = job(number)
        found.step()
        _fill(account, found)
        return found.values if include is None else {**found.values, "log_summary": "3 lines"}

    @router.delete("/jobs/{number}")
    async def stop(number: int) -> dict[str, Any]:
        found = job(number)
        if found.status not in (*ENDED, *STOPPING):
            found.values["status"] = "pending_stoppage"
            found.script = ["stopping", "stopped"]
        return found.values

    @router.get("/jobs/{number}/variables")
    async def variables(number: int) -> dict[str, Any]:
        values: dict[str, Any] = job(number).values["variables"]
        return values

    @router.get("/jobs/{number}/children")
    async def children(number: int) -> list[Any]:
        job(number)
        return []

    @router.get("/jobs/{number}/log")
    async def log(number: int) -> dict[str, Any]:
        return {"log": f"log of job {job(number).id}"}


def _fill(account: IntegrateIo, job: Scripted) -> None:
    """The other fields that go with a status."""
    values = job.values
    if job.status == "running":
        values["progress"] = min(0.9, values["progress"] + 0.3)
        values["started_at"] = values["started_at"] or now()
    if job.status == "completed":
        # completed_at is left empty on purpose: it is known to be unreliable.
        values.update(progress=1.0, runtime_in_seconds=7, outputs=account.outputs)
    if job.status == "failed":
        values.update(runtime_in_seconds=3, errors=account.errors)
