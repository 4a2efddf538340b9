"""What is assumed of Aperture Data Studio's API: paths, names in answers and states, for each of its dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Names:
    """What is assumed of a dialect. Of several names the first that an answer has is used; states in any case."""

    base: str
    workflows: str = "GET workflows"
    execute: str = "POST workflows/execute"
    jobs: str = "GET jobs"
    job: str = "GET jobs/{id}"
    cancel: str = "POST jobs/{id}/cancel"
    login: str = "POST login"
    items: tuple[str, ...] = ("items", "content", "data")
    token: tuple[str, ...] = ("token", "accessToken", "access_token")
    workflow_id: tuple[str, ...] = ("id", "workflowId")
    workflow_label: tuple[str, ...] = ("externalLabel", "name")
    executable: tuple[str, ...] = ("executable", "isExecutable", "canExecute")
    id: tuple[str, ...] = ("jobId", "id")
    state: tuple[str, ...] = ("state", "status")
    label: tuple[str, ...] = ("externalLabel", "workflowExternalLabel", "workflowName")
    result: tuple[str, ...] = ("result", "results")
    error: tuple[str, ...] = ("error", "errorMessage", "message")
    created: tuple[str, ...] = ("createdAt", "created", "submittedAt")
    started: tuple[str, ...] = ("startedAt", "startTime")
    finished: tuple[str, ...] = ("finishedAt", "endTime", "completedAt")
    url: tuple[str, ...] = ("url", "htmlUrl")
    succeeded: tuple[str, ...] = ("completed",)
    failed: tuple[str, ...] = ("failed",)
    stopped: tuple[str, ...] = ("cancelled", "canceled", "stopped", "aborted")
    active: tuple[str, ...] = ("submitted", "queued", "pending", "running", "executing", "cancelling", "stopping")

    def overridden(self, names: Mapping[str, Any]) -> Names:
        """The same with some of them replaced; ``ValueError`` for one that there is not."""
        known = {item.name for item in fields(self)}
        changed: dict[str, Any] = {}
        for name, value in names.items():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(sorted(known))}"
                raise ValueError(f"'{name}' is not one of the names that can be overridden{hint}")
            if isinstance(getattr(self, name), tuple):
                changed[name] = (value,) if isinstance(value, str) else tuple(map(str, value))
            else:
                changed[name] = str(value)
        return replace(self, **changed)


DIALECTS: Final[Mapping[str, Names]] = {
    "v1": Names(
        base="api/v1/",
        execute="POST workflows/{id}/execute",
        workflow_label=("name", "externalLabel"),
        label=("workflowName", "externalLabel"),
    ),
    "v2": Names(base="api/v2/"),
}
