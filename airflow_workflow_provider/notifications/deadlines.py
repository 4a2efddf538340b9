"""When Airflow is to take a run for late: the reference of its deadline. Evaluated where runs are created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from airflow_workflow_provider.runs.expectations import USUAL_RUNS, longest_duration, usual_duration

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(eq=False)
class LongestExpectedDuration(BaseDeadlineReference):
    """Now plus the longest expected duration: ``max`` seconds or ``of_usual`` times the median, whichever is first.

    Not Airflow's ``DAGRUN_QUEUED_AT``: a run with such a deadline cannot be cleared in Airflow 3.3.2
    (``_recalculate_dagrun_queued_at_deadlines`` takes a serialized interval for a number).
    """

    max: float | None = None
    of_usual: float | None = None

    required_kwargs = frozenset({"dag_id", "run_id"})

    def serialize_reference(self) -> dict[str, Any]:
        """As Airflow keeps it with the DAG."""
        return {"reference_type": self.reference_name, "max": self.max, "of_usual": self.of_usual}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> LongestExpectedDuration:
        """The reference that ``serialize_reference`` has told."""
        return cls(reference_data.get("max"), reference_data.get("of_usual"))

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """The time to which Airflow adds the interval, which is ``max`` where that is given; ``None``: no deadline."""
        usual = usual_duration(_past_durations(session, dag_id, run_id)) if self.of_usual else None
        longest = longest_duration(self.max, self.of_usual, usual)
        if longest is None:
            return None
        return datetime.now(timezone.utc) + timedelta(seconds=longest - (self.max or 0))


def _past_durations(session: Session, dag_id: str, run_id: str) -> list[float]:
    """Seconds of the last successful runs before this one, as ``past_durations`` in a worker finds them."""
    from airflow.models import DagRun
    from sqlalchemy import func, select

    before = (
        select(func.coalesce(DagRun.logical_date, DagRun.run_after))
        .where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        .scalar_subquery()
    )
    runs = session.execute(
        select(DagRun.start_date, DagRun.end_date)
        .where(
            DagRun.dag_id == dag_id,
            DagRun.state == "success",
            DagRun.logical_date < before,
            DagRun.clear_number == 0,
            DagRun.start_date.is_not(None),
            DagRun.end_date.is_not(None),
        )
        .order_by(DagRun.logical_date.desc())
        .limit(USUAL_RUNS)
    )
    return [(end - start).total_seconds() for start, end in runs if start and end]
