"""The one table of Airflow's states has every state of the Airflow that is installed."""

from __future__ import annotations

from airflow.utils.state import DagRunState, State, TaskInstanceState

from airflow_workflow_provider.runs import states


def test_every_state_of_a_task_is_known() -> None:
    assert {state.value for state in TaskInstanceState} <= set(states.TASK_STATES)


def test_what_airflow_takes_for_finished_has_an_outcome_and_nothing_else() -> None:
    finished = {state.value for state in State.finished}
    assert finished == states.SETTLED
    assert states.GOING_ON | states.SETTLED | {"restarting"} == set(states.TASK_STATES)
    assert not states.STARTED & states.SETTLED


def test_every_state_of_a_run_is_under_way_or_ended() -> None:
    assert {state.value for state in DagRunState} == {*states.RUNS_UNDER_WAY, *states.RUNS_ENDED}
