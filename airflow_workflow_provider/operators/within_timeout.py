"""A task's timeout covers what comes before ``execute``: Airflow begins to count there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


def within_timeout(render: Callable[[Any, Context, jinja2.Environment | None], None]) -> Callable[..., None]:
    """Evaluate condition and templates within ``execution_timeout``; what they take is taken from it."""

    @wraps(render)
    def render_in_time(self: Any, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        if self.execution_timeout is None:
            render(self, context, jinja_env)
            return
        # The same that Airflow's task runner uses; there is no public name for it.
        from airflow.sdk.execution_time.timeout import timeout

        began = monotonic()
        seconds = max(self.execution_timeout.total_seconds(), 0.001)  # 0 would be no timeout
        with timeout(seconds):  # type: ignore[no-untyped-call]
            render(self, context, jinja_env)
        self.execution_timeout -= timedelta(seconds=monotonic() - began)

    return render_in_time
