"""An explanation as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from airflow_workflow_provider.explain.explanation import RunExplanation
from airflow_workflow_provider.explain.words import shown_seconds, shown_time, shown_value

if TYPE_CHECKING:
    import jinja2

REFRESH_SECONDS: Final = 10
_FOLDER: Final = Path(__file__).parent / "pages"
_STYLE: Final = (_FOLDER / "style.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Nothing but the page's own style, shown by nobody but the Airflow that serves it."""

_TITLES: Final = {401: "Not logged in", 403: "Not allowed", 404: "Nothing to explain"}


def run_page(run: RunExplanation) -> str:
    """The page of a run; it loads itself again while the run goes on."""
    return (
        _environment()
        .get_template("run.html")
        .render(
            run=run,
            refresh=None if run.has_ended else REFRESH_SECONDS,
            json_path=f"../../explain.json/{quote(run.workflow, safe='')}/{quote(run.run_id, safe='')}",
        )
    )


def error_page(status: int, detail: str) -> str:
    """The page that says why there is none."""
    return (
        _environment()
        .get_template("error.html")
        .render(title=_TITLES.get(status, f"Error {status}"), detail=detail[:1].upper() + detail[1:])
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(_STYLE)
    environment.filters.update(value=shown_value, time=shown_time, iso=_iso, seconds=shown_seconds)
    return environment


def _iso(time: datetime) -> str:
    return time.isoformat()
