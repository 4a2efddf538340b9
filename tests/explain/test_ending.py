"""How a run ended is worked out once: whoever tells of it tells the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.explain.run import run_reason
from airflow_workflow_provider.operators.run_outcome import RunOutcomeOperator
from airflow_workflow_provider.runs import states
from airflow_workflow_provider.runs.ending import A_PERSON, ended_by_tasks, ending
from tests.explain.runs import record
from tests.unit.shapes import Shape, shapes
from tests.workflows import definition

SETTLED = st.sampled_from(sorted(states.SETTLED))


@settings(max_examples=300)
@given(shapes(), st.sampled_from(["strict", "handled"]), st.data())
def test_the_page_the_outcome_node_and_the_others_agree(shape: Shape, mode: str, data: st.DataObject) -> None:
    plan = compile_workflow(definition(shape, mode))
    nodes = [name for name, _ in plan.wirings()]
    found = {name: data.draw(SETTLED, label=name) for name in nodes if data.draw(st.booleans()) or "." not in name}
    tasks: Any = {task.id: (task.constraint, task.edges) for task in plan.tasks}
    failed, reason = ended_by_tasks(mode, tasks, [decision.id for decision in plan.decisions], found)
    state = "failed" if failed else "success"

    assert ending(plan, state, found) == reason
    assert ending(plan, state, found, by=A_PERSON) == f"a person set the run's state to {state}; {reason}"
    assert ending(plan, state, found, by="timed_out") == f"Airflow ended the run: timed_out; {reason}"
    other = "success" if failed else "failed"
    assert ending(plan, other, found).startswith(f"{reason}, yet Airflow ended the run as {other}; ")
    assert ending(plan, other, found, said="as the outcome node says") == "as the outcome node says"

    assert run_reason(plan, record(state, {**dict.fromkeys(nodes), **found})) == reason
    if plan.outcome is not None:
        operator = RunOutcomeOperator(
            task_id="o", mode=mode, tasks=tasks, decisions=[decision.id for decision in plan.decisions]
        )
        told: dict[str, Any] = {}
        context = fake_context(found, told)
        try:
            operator.execute(context)
        except Exception as error:  # noqa: BLE001 - the failure that it is there for
            assert failed
            assert reason in str(error)  # noqa: PT017
        else:
            assert not failed
        assert told["reason"] == reason


def fake_context(found: dict[str, str], told: dict[str, Any]) -> Any:
    class Instance:
        dag_id = "w"

        def get_task_states(self, task_ids: list[str], **_: Any) -> dict[str, dict[str, str]]:
            return {"r": {name: found[name] for name in task_ids if name in found}}

        def xcom_push(self, key: str, value: Any) -> None:
            told[key] = value

    return {"ti": Instance(), "run_id": "r"}
