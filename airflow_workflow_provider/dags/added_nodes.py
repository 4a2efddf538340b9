"""The nodes that a plan has beside its tasks: gates, decisions, and what decides the run's outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup

from airflow_workflow_provider.compiler.groups import RUN_OUTCOME, group_label
from airflow_workflow_provider.compiler.plan import Decision, Gate, Plan, PlannedVariable, RunOutcome, Scope
from airflow_workflow_provider.dags.node_arguments import node_arguments
from airflow_workflow_provider.operators.decision import DecisionOperator
from airflow_workflow_provider.operators.run_outcome import RunOutcomeOperator
from airflow_workflow_provider.operators.variables import TaskVariables

_DECISION_RETRIES: Final = 3
_DECISION_RETRY_DELAY: Final = timedelta(seconds=5)


def gate_operator(plan: Plan, gate: Gate) -> BaseOperator:
    """What the scheduler settles by itself."""
    return EmptyOperator(doc_md=f"Succeeds when {gate.meaning}.", **node_arguments(plan, gate.id, gate.wiring))


def decision_operator(plan: Plan, decision: Decision) -> BaseOperator:
    """What decides over a mixed constraint, in a worker."""
    return DecisionOperator(
        decides=decision.task,
        follows=decision.follows,
        constraint=decision.constraint,
        edges=decision.edges,
        retries=_DECISION_RETRIES,
        retry_delay=_DECISION_RETRY_DELAY,
        **node_arguments(plan, decision.id, decision.wiring),
    )


def add_outcome(dag: DAG, plan: Plan, outcome: RunOutcome, declared: Mapping[str, PlannedVariable]) -> None:
    """The nodes of the run's outcome, in a group of their own if there are several."""
    operator: Any = RunOutcomeOperator(
        mode=outcome.mode,
        tasks={task.id: (task.constraint, task.edges) for task in plan.tasks},
        decisions=tuple(decision.id for decision in plan.decisions),
        expect=plan.expect,
        retries=_DECISION_RETRIES,
        retry_delay=_DECISION_RETRY_DELAY,
        **node_arguments(plan, outcome.outcome, outcome.wiring),
    )
    setters = plan.expect.setters if plan.expect else {}
    every_task = tuple(task.id for task in plan.tasks)
    operator.workflow_variables = TaskVariables(
        plan.workflow, plan.version, outcome.outcome, every_task, Scope(setters=setters), declared, plan.schedules
    )
    nodes = [*(gate_operator(plan, gate) for gate in outcome.gates), operator]
    if len(nodes) > 1:
        tooltip = "Makes the run's state what the definition's outcome says"
        group = TaskGroup(
            RUN_OUTCOME, prefix_group_id=False, group_display_name=group_label(RUN_OUTCOME), tooltip=tooltip, dag=dag
        )
        for node in nodes:
            group.add(node)
    for node in nodes:
        dag.add_task(node)
