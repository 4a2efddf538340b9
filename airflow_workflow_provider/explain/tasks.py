"""Why a task of a run ran, did not run, or has not run yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_workflow_provider.compiler.plan import REASON, Plan, PlannedTask, SqlWork
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.definitions.outcomes import RAN, Outcome
from airflow_workflow_provider.explain.record import RunRecord, TaskRecord
from airflow_workflow_provider.runs.states import STARTED, TASK_STATES
from airflow_workflow_provider.semantics import decide


def status_of(record: RunRecord, node: TaskRecord) -> str:
    """One word for the state of a task: its outcome if it has one."""
    if node.outcome is not None:
        return node.outcome.value
    if record.has_ended:
        return "not started"
    state = TASK_STATES.get(node.state or "")
    return "waiting" if state is None else state.word


def reason_of(plan: Plan, task: PlannedTask, record: RunRecord) -> str:
    """The edge, condition or person that decided about a task, in one sentence without its subject."""
    node = record.of(task.id)
    if node.outcome is not None and record.is_marked_task(task.id):
        return f"a person set its state to {node.state}"
    if node.outcome in RAN or node.state in STARTED:
        return _why_it_started(task, record, node)
    if node.outcome is Outcome.SKIPPED:
        return _why_it_did_not_run(plan, task, record, node)
    if record.has_ended:
        return "the run ended before it could start"
    return _what_it_waits_for(task, record, node)


def has_read(task: PlannedTask, record: RunRecord) -> bool:
    """Whether a task has started, and so has read variables."""
    node = record.of(task.id)
    return node.outcome in RAN or node.state in STARTED or is_skipped_by_itself(task, record)


def is_skipped_by_itself(task: PlannedTask, record: RunRecord) -> bool:
    """Whether a task was started and then did not want to run: its condition, an empty result, its operator."""
    node = record.of(task.id)
    return node.state == "skipped" and node.tries > 0 and _verdict(task, _settled(task.edges, record))[0] is True


def _why_it_started(task: PlannedTask, record: RunRecord, node: TaskRecord) -> str:
    verb = "ran" if node.outcome else "runs"
    if not task.edges:
        return f"{verb}: it has no edges"
    settled = _settled(task.edges, record)
    at_start = {source: outcome for source, outcome in settled.items() if was_settled(source, node, record)}
    for outcomes in (at_start, settled):
        holds, reason = _verdict(task, outcomes)
        if holds:
            state = TASK_STATES.get(node.state or "")
            meanwhile = state.meanwhile if state else ""
            return f"{verb}: {reason}" + (f"; {meanwhile}" if meanwhile else "")
    return f"{verb}, though its edges would not let it now: a source was cleared or set to another state since"


def _why_it_did_not_run(plan: Plan, task: PlannedTask, record: RunRecord, node: TaskRecord) -> str:
    if node.state == "removed":
        return "did not run: it was taken out of the workflow during the run"
    settled = _settled(task.edges, record)
    holds, reason = _verdict(task, settled)
    if holds is False:
        return f"did not run: {reason}"
    if record.is_marked and not node.tries:
        return "did not run: a person ended the run before it could start"
    if holds is None:
        return f"did not run: it was skipped before {_missing(task, settled)} had settled"
    broken = [each.id for each in plan.decisions if each.task == task.id and record.of(each.id).state == "failed"]
    if broken:
        return f"did not run: its constraint could not be decided, {quoted_list(broken)} failed"
    return _why_it_skipped_itself(task, record, node, reason)


def _why_it_skipped_itself(task: PlannedTask, record: RunRecord, node: TaskRecord, reason: str) -> str:
    told = record.xcoms.get(task.id, {}).get(REASON)
    if isinstance(told, str):
        return f"did not run: {told}"
    empty = "its query returned no row (on_empty: skip)"
    is_sql = isinstance(task.work, SqlWork)
    may_be_empty = isinstance(task.work, SqlWork) and task.work.on_empty == "skip"
    if node.tries and task.condition is None and (may_be_empty or not is_sql):
        return f"skipped itself: {empty}" if may_be_empty else "skipped itself"
    if node.tries and task.condition is not None:
        other = f", or {empty}" if may_be_empty else "" if is_sql else ", or it skipped itself"
        return f"did not run: its condition '{task.condition}' was false{other}"
    return (
        f"did not run, though its edges would let it now ({reason}): an earlier decision is kept until it is cleared "
        "together with its sources"
    )


def _what_it_waits_for(task: PlannedTask, record: RunRecord, node: TaskRecord) -> str:
    settled = _settled(task.edges, record)
    holds, reason = _verdict(task, settled)
    if holds is None:
        return f"waits for {_missing(task, settled)}"
    if not holds:
        return f"will not run: {reason}"
    return f"is about to start: {reason}" if node.state else f"will start: {reason}"


def _verdict(task: PlannedTask, settled: Mapping[str, Outcome]) -> tuple[bool | None, str]:
    """Whether the constraint holds, as far as it is decided by settled sources (``None``: not yet), and why."""
    edges = {source: words for source, words in task.edges.items() if source in settled}
    if not edges and task.edges:
        return None, ""
    holds, reason = decide(task.constraint, edges, settled)
    is_final = len(edges) == len(task.edges) or holds is (task.constraint == "any")
    return (holds, reason) if is_final else (None, "")


def _settled(sources: Iterable[str], record: RunRecord) -> dict[str, Outcome]:
    return {source: outcome for source in sources if (outcome := record.of(source).outcome) is not None}


def was_settled(source: str, node: TaskRecord, record: RunRecord) -> bool:
    """Whether a source had ended when a node started; true where the times do not tell."""
    end = record.of(source).end
    return end is None or node.start is None or end <= node.start


def _missing(task: PlannedTask, settled: Mapping[str, Outcome]) -> str:
    return quoted_list([source for source in task.edges if source not in settled])
