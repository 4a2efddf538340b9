"""``workflow:`` tasks: run another workflow, wait for it without a worker, take its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from airflow_workflow_provider.compiler.plan import OUTCOME, REASON
from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.exceptions import SubWorkflowError
from airflow_workflow_provider.operators.within_timeout import within_timeout
from airflow_workflow_provider.operators.workflow_task import WorkflowTask, is_resumed
from airflow_workflow_provider.runs.children import TaskAttempt
from airflow_workflow_provider.runs.state import MISSING, count_runs, is_not_found, run_state

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

_STARTS: Final = 5


class WorkflowRunLink(BaseOperatorLink):
    """The button that leads from a ``workflow:`` task to the run that it started."""

    name = "Workflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the child's run; Airflow asks whenever the task leaves a worker."""
        if isinstance(operator, WorkflowRunOperator) and operator.child_run_id:
            from airflow.utils.helpers import build_airflow_dagrun_url

            return build_airflow_dagrun_url(dag_id=operator.workflow, run_id=operator.child_run_id)
        from airflow.sdk.execution_time.xcom import XCom

        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""


class WorkflowRunOperator(BaseOperator, WorkflowTask):
    """Run a workflow with the variables that the task gives to it; its outcome is the task's.

    :param workflow: the workflow's name
    """

    custom_operator_name = "Workflow"
    ui_color = "#e6f4ea"
    template_fields: Sequence[str] = ("workflow", "variables")
    operator_extra_links = (WorkflowRunLink(),)

    def __init__(self, *, workflow: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workflow = workflow
        self.variables: Mapping[str, Any] = {}
        self.child_run_id: str | None = None

    @within_timeout
    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Look up the values for the child; *Rendered Templates* shows them.

        Back from the triggerer there is nothing to decide or to look up again: what was shown stays.
        """
        if is_resumed(context):
            self.template_fields = ()
            return
        variables = self.variables_if_it_runs(context)
        given = self.workflow_variables.scope.given
        self.variables = {name: variables.render(value) for name, value in given.items()}

    def execute(self, context: Context) -> None:
        """Start the child, unless an attempt that was lost has done so, and wait for it."""
        attempt = _attempt(context)
        run_id, state = self._found(attempt) or (self._start(attempt), "queued")
        self.child_run_id = run_id
        if state == "success":
            self.log.info("Run %s of workflow '%s' has succeeded", run_id, self.workflow)
            return
        self._tell_if_paused(context, run_id)
        self._wait(context, run_id)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """Take the child's outcome."""
        run_id, state = event["run_id"], event["state"]
        self._go_on_if_another(context, run_id)
        if state == "success":
            self.log.info("Run %s of workflow '%s' has succeeded", run_id, self.workflow)
        elif state == MISSING:
            raise SubWorkflowError(f"run {run_id} of workflow '{self.workflow}' was deleted before it ended")
        else:
            raise SubWorkflowError(f"workflow '{self.workflow}' failed: {self._reason(context, run_id)} (run {run_id})")

    def _go_on_if_another(self, context: Context, run_id: str) -> None:
        """Wait on when the event tells of a child from before the task was cleared.

        SQLite gives a trigger the number of one that is gone, and with it an event that was already on its way.
        """
        mine = _attempt(context).may_wait_for()
        if run_id in mine:
            return
        waited_for = next((each for each in mine if run_state(self.workflow, each) != MISSING), None)
        if waited_for is not None:
            self.log.info("Run %s of workflow '%s' is not the one that is waited for", run_id, self.workflow)
            self._wait(context, waited_for)

    def _found(self, attempt: TaskAttempt) -> tuple[str, str] | None:
        """Run and state of the child that an earlier attempt, which was lost, has left; ``None`` for a fresh start."""
        earlier = list(attempt.earlier())
        if not earlier or not count_runs(self.workflow, [each.child_run_id for each in earlier]):
            return None
        for each in earlier:
            state = run_state(self.workflow, each.child_run_id)
            if state == "failed":
                return None
            if state != MISSING:
                self.log.info("Attempt %s has started run %s, which is %s", each.number, each.child_run_id, state)
                return each.child_run_id, state
        return None

    def _start(self, attempt: TaskAttempt) -> str:
        """Start the child's run and return its id.

        That it exists already has two meanings: it is ours (the answer to the first call was lost on its way), or
        another run of the child has the same logical date to the microsecond.
        """
        run_id, conf = attempt.child_run_id, attempt.conf(self.variables)
        now = datetime.now(timezone.utc)
        for shift in range(_STARTS):
            if self._create(attempt, conf, now + timedelta(microseconds=shift)) or (
                run_state(self.workflow, run_id) != MISSING
            ):
                self.log.info("Started run %s of workflow '%s'", run_id, self.workflow)
                return run_id
        raise SubWorkflowError(f"workflow '{self.workflow}' could not be started: its logical dates are all taken")

    def _create(self, attempt: TaskAttempt, conf: dict[str, Any], logical_date: datetime) -> bool:
        """Whether Airflow made the run; ``False`` if it says that there is one already."""
        from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        request = TriggerDagRun(
            dag_id=self.workflow,
            run_id=attempt.child_run_id,
            logical_date=logical_date,
            conf=conf,
            note=f"Started by {attempt.in_words}.",
        )
        try:
            answer = SUPERVISOR_COMMS.send(request)
        except AirflowRuntimeError as error:
            if error.error.error == ErrorType.DAGRUN_ALREADY_EXISTS:
                return False
            raise SubWorkflowError(refusal(self.workflow, error)) from None
        return not (isinstance(answer, ErrorResponse) and answer.error == ErrorType.DAGRUN_ALREADY_EXISTS)

    def _tell_if_paused(self, context: Context, run_id: str) -> None:
        """A paused workflow's runs wait until somebody unpauses it: so does this task."""
        if context["ti"].get_dag(self.workflow).is_paused:
            self.log.warning(
                "Workflow '%s' is paused: run %s does not start before it is unpaused", self.workflow, run_id
            )

    def _wait(self, context: Context, run_id: str) -> NoReturn:
        from airflow_workflow_provider.triggers.workflow_run import WorkflowRunTrigger

        self.log.info("Waiting for run %s of workflow '%s'", run_id, self.workflow)
        self.defer(
            trigger=WorkflowRunTrigger(self.workflow, run_id),
            method_name="execute_complete",
            timeout=_left(self.execution_timeout, context),
        )

    def _reason(self, context: Context, run_id: str) -> str:
        """Why the child failed: as its own outcome node says, else the tasks that failed."""
        ti: Any = context["ti"]
        reason = ti.xcom_pull(dag_id=self.workflow, run_id=run_id, task_ids=OUTCOME, key=REASON, map_indexes=-1)
        if reason:
            return str(reason)
        states = ti.get_task_states(dag_id=self.workflow, run_ids=[run_id]).get(run_id, {})
        failed = [f"'{task}'" for task, state in states.items() if getattr(state, "value", state) == "failed"]
        return f"failed: {', '.join(sorted(failed))}" if failed else "its run was set to failed"


def _left(timeout: timedelta | None, context: Context) -> timedelta | None:
    """Of a task's timeout, which counts from the start of its attempt however often it waits."""
    started: datetime | None = getattr(context["ti"], "start_date", None)
    if timeout is None or started is None:
        return timeout
    return max(timeout - (datetime.now(timezone.utc) - started), timedelta(seconds=1))  # Airflow takes 0 for none


def _attempt(context: Context) -> TaskAttempt:
    """The running attempt. A clear raises the number of the last attempt that Airflow allows."""
    ti: Any = context["ti"]
    started = context["dag_run"].start_date
    return TaskAttempt(
        workflow=ti.dag_id,
        run_id=ti.run_id,
        run_started=started.astimezone(timezone.utc).isoformat() if started else "",
        task=ti.task_id,
        number=ti.try_number,
        last=ti.max_tries + 1,
    )


def refusal(workflow: str, error: AirflowRuntimeError) -> str:
    """Why Airflow did not start a run, in a sentence."""
    if is_not_found(error):
        return (
            f"there is no workflow '{workflow}' in this Airflow; correct 'workflow' of the task, or see to it "
            "that the file that defines it is loaded"
        )
    detail: Any = error.error.detail or "Airflow did not say why"
    while isinstance(detail, Mapping):  # the server's words, under some layers of wrapping
        detail = detail.get("detail") or detail.get("message") or str(dict(detail))
    # After the first line come the JSON Schema and the value once more.
    return f"workflow '{workflow}' could not be started: {one_line(str(detail).partition(chr(10))[0])}"
