"""``explain``: what a run did and why."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.cli.console import Console, UsageError
from airflow_workflow_provider.cli.database import metadata_session
from airflow_workflow_provider.cli.explain_text import explanation_lines
from airflow_workflow_provider.definitions.diagnostics import quoted_list

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from airflow_workflow_provider.explain.records import RecordedRun

LATEST: Final = "latest"


def run(arguments: Namespace, console: Console) -> int:
    """Tell it; 0 also for a run that failed, because the question was answered."""
    from airflow_workflow_provider.explain.as_json import as_json
    from airflow_workflow_provider.explain.run import explain_run

    with metadata_session() as session:
        found = _find(arguments.run, arguments.workflow, session)
    explanation = explain_run(found.plan, found.record)
    if arguments.output == "json":
        console.write(json.dumps(as_json(explanation), indent=2))
    else:
        for line in explanation_lines(explanation, console):
            console.write(line)
    return 0


def _find(run: str, workflow: str | None, session: Session) -> RecordedRun:
    from airflow_workflow_provider.explain.records import find_run, nearest_run, workflows_of_run

    if workflow is not None:
        return _latest(workflow, session) if run == LATEST else find_run(workflow, run, session)
    having = workflows_of_run(run, session)
    if len(having) == 1:
        return find_run(having[0], run, session)
    if having:
        raise UsageError(
            f"several workflows have a run '{run}': {quoted_list(having)}; add --workflow, or write {having[0]}/{run}"
        )
    name, slash, own = run.partition("/")
    if slash:
        return _find(own, name, session)
    if run == LATEST:
        raise UsageError("the latest run of which workflow? write NAME/latest, or add --workflow")
    raise UsageError(f"there is no run '{run}'{nearest_run(run, session)}")


def _latest(workflow: str, session: Session) -> RecordedRun:
    from airflow_workflow_provider.explain.records import latest_runs

    found = latest_runs(workflow, session, limit=1)
    if not found:
        raise UsageError(f"workflow '{workflow}' has not run yet")
    return found[0]
