"""Explanations of runs over HTTP, for those whom Airflow lets read the run."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Final

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep  # noqa: TC002 - FastAPI reads it
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from airflow_workflow_provider.explain.as_json import as_json
from airflow_workflow_provider.explain.explanation import RunExplanation
from airflow_workflow_provider.explain.records import ExplanationError, RunNotFoundError, find_run
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.plugins.answers import Refusal, SafeAnswers
from airflow_workflow_provider.plugins.run_page import CONTENT_SECURITY_POLICY, error_page, run_page

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_NO_PLAN: Final = (
    "this run cannot be explained: it is not one of a workflow of this package, or Airflow has no version of the "
    "workflow that was made by this release"
)
# Airflow does not protect what plugins serve. All that an explanation shows must be readable: 401 without a user, 403
# for one who may not read it.
_READ: Final = [
    Depends(requires_access_dag(method="GET", access_entity=entity))
    for entity in (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
]
_DagId = Annotated[str, Path(max_length=250)]
_RunId = Annotated[str, Path(max_length=250)]


@cache
def application() -> SafeAnswers:
    """The application. It documents itself nowhere: its documentation would not be protected.

    It redirects nowhere either: the address would be made of what the request says its host is.
    """
    app = FastAPI(title="Workflow runs", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_api_route("/explain/{dag_id}/{run_id:path}", explain_page, dependencies=_READ, methods=["GET"])
    app.add_api_route("/explain.json/{dag_id}/{run_id:path}", explain_json, dependencies=_READ, methods=["GET"])
    return SafeAnswers(app, _HEADERS, _error_page)


def explain_page(dag_id: _DagId, run_id: _RunId, session: SessionDep) -> Response:
    """The explanation as a page."""
    return HTMLResponse(run_page(_explanation(dag_id, run_id, session)))


def explain_json(dag_id: _DagId, run_id: _RunId, session: SessionDep) -> Response:
    """The explanation as JSON."""
    return JSONResponse(as_json(_explanation(dag_id, run_id, session)))


def _explanation(dag_id: str, run_id: str, session: SessionDep) -> RunExplanation:
    try:
        found = find_run(dag_id, run_id, session)
    except RunNotFoundError:
        raise HTTPException(404) from None
    except ExplanationError:
        raise Refusal(404, _NO_PLAN) from None
    return explain_run(found.plan, found.record)


def _error_page(request: Request, status: int, detail: str) -> Response | None:
    """What went wrong, for those who asked for a page."""
    if request.scope.get("endpoint") is explain_page:
        return HTMLResponse(error_page(status, detail), status)
    return None
