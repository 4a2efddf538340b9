"""A stand-in for Aperture Data Studio's REST API, versions 1 and 2.

What is published is kept to the letter: the bases, both ways to log in, the body of ``execute``. The paths below the
bases and the names in answers are published only inside an installation; they are the ones that the client assumes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from scripts.test_servers.serving import ServedApp
from scripts.test_servers.strict import Body, Strict, now, page


class Credentials(Body):
    """The body of the v1 login."""

    username: str
    password: str


class ExecuteV1(Body):
    """The body of the v1 ``execute``: the workflow is in the path."""

    refreshSources: bool | None = None  # noqa: N815
    workflowParameters: dict[str, Any] | None = None  # noqa: N815


class ExecuteV2(Body):
    """The body of the v2 ``execute``."""

    externalLabel: str  # noqa: N815
    spaceExternalLabel: str  # noqa: N815
    versionToExecute: Literal["PreferDraft", "PublishedOnly"] = "PublishedOnly"  # noqa: N815
    dependenciesToUse: Any = None  # noqa: N815
    refreshSources: bool = False  # noqa: N815
    workflowParameters: dict[str, Any] = Field(default_factory=dict)  # noqa: N815


@dataclass
class StudioJob:
    """A job; each time somebody asks for it, it takes the next state of its script, the last one stays."""

    values: dict[str, Any]
    script: list[str]

    @property
    def id(self) -> int:
        """Its number."""
        return int(self.values["jobId"])

    @property
    def state(self) -> str:
        """Its state as last told."""
        return str(self.values["state"])


@dataclass
class Aperture:
    """What the installation holds; tests read and change it freely."""

    user: str = "etl"
    password: str = "secret-of-etl"
    environment: str = "live"
    api_key: str = "key-of-live"
    spaces: Sequence[str] = ("marketing", "sales")
    closed_spaces: Sequence[str] = ("sales",)
    """Spaces that the API key has no access to."""
    workflows: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[StudioJob] = field(default_factory=list)
    job_script: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING", "COMPLETED"])
    result: dict[str, Any] = field(default_factory=lambda: {"rowsProcessed": 42, "rowsFailed": 0})
    times: tuple[str, str] | None = None
    """What finished jobs say of their start and end; without it, the clock."""
    tokens: list[str] = field(default_factory=list)
    strict: Strict = field(default_factory=Strict)
    served: ServedApp = field(init=False)

    def __post_init__(self) -> None:
        self.served = ServedApp(make_app(self))

    def add_workflow(self, name: str, space: str = "marketing", *, executable: bool = True) -> dict[str, Any]:
        """A workflow with this name, which is its external label too."""
        made = {
            "id": 70 + len(self.workflows),
            "name": name,
            "externalLabel": name,
            "spaceExternalLabel": space,
            "executable": executable,
        }
        self.workflows.append(made)
        return made

    def add_job(self, workflow: dict[str, Any], **values: Any) -> StudioJob:
        """A job of this installation."""
        number = 9000 + len(self.jobs)
        made = {
            "jobId": number,
            "workflowId": workflow["id"],
            "workflowName": workflow["name"],
            "externalLabel": workflow["externalLabel"],
            "spaceExternalLabel": workflow["spaceExternalLabel"],
            "state": "SUBMITTED",
            "createdAt": now(),
            "startedAt": None,
            "finishedAt": None,
        }
        self.jobs.append(StudioJob({**made, **values}, list(self.job_script)))
        return self.jobs[-1]

    def expire_tokens(self) -> None:
        """An hour has passed."""
        self.tokens.clear()


def make_app(studio: Aperture) -> FastAPI:
    """The API over an installation."""
    app = FastAPI(openapi_url=None)
    studio.strict.install(app)
    _add_v1(app, studio)
    _add_v2(app, studio)
    return app


def _ask(studio: Aperture, number: int) -> dict[str, Any]:
    """A job that somebody asks for."""
    for job in studio.jobs:
        if job.id == number:
            if job.script:
                job.values["state"] = job.script.pop(0)
            if job.state not in ("QUEUED", "SUBMITTED") and job.values["startedAt"] is None:
                job.values["startedAt"] = now()
            if job.state.upper() in ("COMPLETED", "FAILED", "CANCELLED"):
                job.values["finishedAt"] = job.values["finishedAt"] or now()
                if studio.times:
                    job.values.update(startedAt=studio.times[0], finishedAt=studio.times[1])
                if job.state.upper() == "COMPLETED":
                    job.values["result"] = studio.result
                if job.state.upper() == "FAILED":
                    job.values["error"] = "step Validate: 3 rows refused"
            return job.values
    raise studio.strict.refusal(404, f"Job {number} not found")


def _cancel(studio: Aperture, number: int) -> dict[str, Any]:
    for job in studio.jobs:
        if job.id == number:
            if job.state.upper() not in ("COMPLETED", "FAILED", "CANCELLED"):
                job.values["state"] = "CANCELLING"
                job.script = ["CANCELLED"]
            return job.values
    raise studio.strict.refusal(404, f"Job {number} not found")


def _items(items: list[dict[str, Any]], request: Request) -> JSONResponse:
    query = request.query_params
    offset, limit = int(query.get("offset", "0")), int(query.get("limit", "100"))
    return JSONResponse({"items": page(items, offset, limit), "totalCount": len(items)})


def _newest(studio: Aperture) -> list[dict[str, Any]]:
    return [job.values for job in reversed(studio.jobs)]


def _workflow(studio: Aperture, key: str, value: Any, space: str | None = None) -> dict[str, Any]:
    for workflow in studio.workflows:
        if workflow[key] == value and space in (None, workflow["spaceExternalLabel"]):
            if not workflow["executable"]:
                raise studio.strict.refusal(409, f"Workflow {value} has errors and cannot be executed")
            return workflow
    raise studio.strict.refusal(404, f"Workflow {value} not found")


def _add_v1(app: FastAPI, studio: Aperture) -> None:
    strict = studio.strict

    def admit(request: Request) -> None:
        strict.check_json(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise strict.violation(request, 401, "Authorization must be a Bearer token")
        if token not in studio.tokens:
            raise strict.refusal(401, "Token is not valid or has expired")

    @app.post("/api/v1/login")
    async def login(request: Request, body: Credentials) -> dict[str, str]:
        strict.check_json(request)
        if "authorization" in request.headers:
            raise strict.violation(request, 400, "login takes no Authorization")
        if (body.username, body.password) != (studio.user, studio.password):
            raise strict.refusal(401, "User name or password is wrong")
        studio.tokens.append(secrets.token_hex(16))
        return {"token": studio.tokens[-1]}

    router = APIRouter(prefix="/api/v1", dependencies=[Depends(admit)])

    @router.get("/workflows")
    async def workflows(request: Request) -> JSONResponse:
        strict.check_query(request, ("offset", "limit"))
        return _items(studio.workflows, request)

    @router.post("/workflows/{number}/execute")
    async def execute(number: int, body: ExecuteV1) -> dict[str, Any]:
        workflow = _workflow(studio, "id", number)
        return studio.add_job(workflow, request=body.model_dump(exclude_none=True)).values

    _add_jobs(router, studio)
    app.include_router(router)


def _add_jobs(router: APIRouter, studio: Aperture) -> None:
    """Jobs are asked for and cancelled alike in both dialects."""

    @router.get("/jobs")
    async def jobs(request: Request) -> JSONResponse:
        studio.strict.check_query(request, ("offset", "limit"))
        return _items(_newest(studio), request)

    @router.get("/jobs/{number}")
    async def one_job(number: int) -> dict[str, Any]:
        return _ask(studio, number)

    @router.post("/jobs/{number}/cancel")
    async def cancel(number: int) -> dict[str, Any]:
        return _cancel(studio, number)


def _add_v2(app: FastAPI, studio: Aperture) -> None:
    strict = studio.strict

    def admit(request: Request) -> None:
        strict.check_json(request)
        environment, _, key = request.headers.get("authorization", "").partition(" ")
        if not environment or not key:
            raise strict.violation(request, 401, "Authorization must be '<environment external label> <API key>'")
        if (environment, key) != (studio.environment, studio.api_key):
            raise strict.refusal(401, "Access denied: wrong environment or API key")

    def open_space(space: str) -> None:
        if space not in studio.spaces or space in studio.closed_spaces:
            raise strict.refusal(403, f"Access denied to Space {space}")

    router = APIRouter(prefix="/api/v2", dependencies=[Depends(admit)])

    @router.get("/workflows")
    async def workflows(request: Request) -> JSONResponse:
        strict.check_query(request, ("offset", "limit", "spaceExternalLabel"))
        space = request.query_params.get("spaceExternalLabel")
        if space is not None:
            open_space(space)
        seen = [w for w in studio.workflows if space in (None, w["spaceExternalLabel"])]
        return _items([w for w in seen if w["spaceExternalLabel"] not in studio.closed_spaces], request)

    @router.post("/workflows/execute")
    async def execute(body: ExecuteV2) -> dict[str, Any]:
        open_space(body.spaceExternalLabel)
        workflow = _workflow(studio, "externalLabel", body.externalLabel, body.spaceExternalLabel)
        return studio.add_job(workflow, request=body.model_dump(exclude_unset=True)).values

    _add_jobs(router, studio)
    app.include_router(router)
