"""``workflow:`` tasks on the real scheduler, triggerer, API server and workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.airflow_answers import DagRun
from scripts.airflow_api import run_path, wait_for
from scripts.local_airflow import LocalAirflow
from tests.postgres import metadata_database
from tests.system.conftest import LOADER, ROOT
from tests.system.doors import Door, door
from tests.system.test_workflows import bash, state

__all__ = ["door"]

Define = Callable[..., str]
DEADLINE = 90


@pytest.fixture
def defined(airflow: LocalAirflow, define: Define) -> Define:
    """As ``define``, and the workflow is not paused: a child is started by nobody who would unpause it."""

    def write(name: str, text: str, files: Mapping[str, str] | None = None) -> str:
        define(name, text, files)
        airflow.set_paused(name, paused=False)
        return name

    return write


def tasks(**lines: str) -> str:
    return "\ntasks:\n" + "".join(f"  {name}: {line}\n" for name, line in lines.items())


def run_workflow(name: str, **more: object) -> str:
    """A task that runs a workflow, as flow-style YAML."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{workflow: {name}{rest}}}"


def child_of(airflow: LocalAirflow, workflow: str, parent_run: str, number: int = 1) -> DagRun:
    """The run of a workflow that a run's tasks have started as the ``number``-th; waits for it."""

    def look() -> DagRun | None:
        found = children_of(airflow, workflow, parent_run)
        return found[number - 1] if len(found) >= number else None

    return wait_for(look, f"child {number} of {parent_run}", DEADLINE)


def children_of(airflow: LocalAirflow, workflow: str, parent_run: str) -> list[DagRun]:
    return [run for run in airflow.runs(workflow) if run.conf.get("started-by", {}).get("run_id") == parent_run]


def wait_for_state(airflow: LocalAirflow, dag: str, run: str, task: str, *states: str) -> str:
    return wait_for(
        lambda: seen if (seen := state(airflow, dag, run, task)) in states else None,
        f"{task} to be {' or '.join(states)}",
        DEADLINE,
    )


def wait_for_run_state(airflow: LocalAirflow, dag: str, run: str, *states: str) -> str:
    return wait_for(
        lambda: seen if (seen := airflow.run(dag, run).state) in states else None,
        f"{dag} {run} to be {' or '.join(states)}",
        DEADLINE,
    )


def set_run_state(airflow: LocalAirflow, dag: str, run: str, to: str) -> None:
    airflow._call("PATCH", run_path(dag, run), json={"state": to})


def set_task_state(airflow: LocalAirflow, dag: str, run: str, task: str, to: str) -> None:
    airflow._call("PATCH", f"{run_path(dag, run)}/taskInstances/{task}", json={"new_state": to})


def task_details(airflow: LocalAirflow, dag: str, run: str, task: str) -> Mapping[str, Any]:
    details: Mapping[str, Any] = airflow._call("GET", f"{run_path(dag, run)}/taskInstances/{task}")
    return details


def links(airflow: LocalAirflow, dag: str, run: str, task: str) -> Mapping[str, str | None]:
    answer = airflow._call("GET", f"{run_path(dag, run)}/taskInstances/{task}/links")
    found: Mapping[str, str | None] = answer["extra_links"]
    return found


TYPES = """
variables:
  whole: {type: integer}
  price: {type: number}
  day: {type: date}
  at: {type: datetime}
  flag: {type: boolean}
  text: {type: string, required: true}
  items: {type: json}
  empty: {type: integer, default: 3}
  kept: {type: integer, default: 4}
"""
NAMES = ("whole", "price", "day", "at", "flag", "text", "items", "empty", "kept")
TELL = '''"""For tests: what a task sees of its arguments."""


def tell(whole, price, day, at, flag, text, items, empty, kept):
    return {name: repr(value) for name, value in locals().items()}
'''


def test_variables_of_every_type_arrive_exactly(airflow: LocalAirflow, defined: Define) -> None:
    values = ", ".join(f'{name}: "{{{{ vars.{name} }}}}"' for name in NAMES)
    python = "airflow.providers.standard.operators.python.PythonOperator"
    tell = f"{{operator: {python}, arguments: {{python_callable: sub_tell.tell, op_kwargs: {{{values}}}}}}}"
    child = defined("typed_child", TYPES + tasks(tell=tell), {"sub_tell.py": TELL})
    ask = """
    sql: |
      SELECT 9007199254740993 AS whole, '0.10' AS price, '2026-02-28' AS day, '2026-02-28T08:30:00.123456+01:00' AS at,
      1 AS flag, 'a "b" {{ c }}' AS text, '{"a": [1, 0.1, null]}' AS items
    set: {whole: whole, price: price, day: day, at: at, flag: flag, text: text, items: items}"""
    given = ", ".join(f'{name}: "{{{{ vars.{name} }}}}"' for name in NAMES[:7])
    dag = defined(
        "typed_parent",
        TYPES.replace(", required: true", "")
        + "defaults: {connection: test_db}"
        + tasks(ask=ask, go=run_workflow(child, depends_on="ask", variables=f"{{{given}, empty: null}}")),
    )

    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    started = child_of(airflow, child, run)
    told = {x.key: x.value for x in airflow.xcoms(child, started.run_id)}["return_value"]
    assert told == {
        "whole": "9007199254740993",
        "price": "Decimal('0.10')",
        "day": "datetime.date(2026, 2, 28)",
        "at": "datetime.datetime(2026, 2, 28, 7, 30, 0, 123456, tzinfo=datetime.timezone.utc)",
        "flag": "True",
        "text": "'a \"b\" {{ c }}'",
        "items": "{'a': [1, Decimal('0.1'), None]}",
        "empty": "None",
        "kept": "4",
    }
    assert task_details(airflow, dag, run, "go")["rendered_fields"]["variables"]["price"] == "0.10"


def test_the_childs_outcome_is_the_tasks(airflow: LocalAirflow, defined: Define) -> None:
    defined("child_good", tasks(a=bash("true")))
    defined("child_bad", tasks(a=bash("exit 1"), b=bash("true", depends_on="a")))
    defined("child_handled", "outcome: handled" + tasks(a=bash("exit 1"), b=bash("true", depends_on="{a: failure}")))
    defined("child_idle", "variables: {go: false}" + tasks(a=bash("true", **{"if": "vars.go"})))
    dag = defined(
        "outcomes",
        tasks(
            good=run_workflow("child_good"),
            bad=run_workflow("child_bad"),
            handled=run_workflow("child_handled"),
            idle=run_workflow("child_idle"),
            after=bash("true", depends_on="{bad: failure}"),
            never=run_workflow("child_good", depends_on="{good: failure}"),
            unwanted=run_workflow("child_good", **{"if": "1 > 2"}),
        ),
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    states = airflow.task_states(dag, run)
    assert {name: states[name] for name in ("good", "bad", "handled", "idle", "after", "never", "unwanted")} == {
        "good": "success",
        "bad": "failed",
        "handled": "success",
        "idle": "success",
        "after": "success",
        "never": "skipped",
        "unwanted": "skipped",
    }
    failed = child_of(airflow, "child_bad", run)
    assert f"SubWorkflowError: workflow 'child_bad' failed: failed: 'a' (run {failed.run_id})" in airflow.task_log(
        dag, run, "bad"
    )
    (good,) = children_of(airflow, "child_good", run)
    assert good.note == f"Started by task 'good' of workflow 'outcomes', run {run}."


def test_a_waiting_task_holds_no_worker_and_links_to_the_childs_run(
    airflow: LocalAirflow, defined: Define, door: Door
) -> None:
    child = defined("slow_child", "variables: {x: 1}" + tasks(a=bash(door.wait)))
    names = [f"go{number}" for number in range(20)]
    dag = defined(
        "crowd", "max_active_runs: 1" + tasks(**{name: run_workflow(child, variables="{x: 7}") for name in names})
    )
    # With the earlier date its tasks come before those of the children, which keep the few workers there are.
    run = airflow.trigger(dag, logical_date=datetime.now(timezone.utc) - timedelta(days=1))
    wait_for(
        lambda: [task.state for task in airflow.task_instances(dag, run)] == ["deferred"] * 20 or None,
        "twenty tasks that wait",
        DEADLINE,
    )
    children = children_of(airflow, child, run)
    assert len({started.run_id for started in children}) == 20
    shown = links(airflow, dag, run, "go3")
    (mine,) = [started for started in children if started.conf["started-by"]["task"] == "go3"]
    assert shown == {"Workflow run": f"{airflow.url}/dags/{child}/runs/{mine.run_id}"}
    assert task_details(airflow, dag, run, "go3")["rendered_fields"] == {"workflow": child, "variables": {"x": 7}}
    door.open()
    assert airflow.wait_for_run(dag, run) == "success"
    assert links(airflow, dag, run, "go3") == shown
    assert task_details(airflow, dag, run, "go3")["rendered_fields"] == {"workflow": child, "variables": {"x": 7}}


def test_children_that_their_workflow_lets_run_one_after_the_other(airflow: LocalAirflow, defined: Define) -> None:
    child = defined("single_file", "max_active_runs: 1" + tasks(a=bash("true")))
    dag = defined("queue", tasks(**{f"go{number}": run_workflow(child) for number in range(4)}))
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    assert len(children_of(airflow, child, run)) == 4


def test_nesting_has_no_depth_limit(airflow: LocalAirflow, defined: Define) -> None:
    names = ["nest" + "_deep" * 20 + str(level) for level in range(5)]
    defined(names[-1], "variables: {x: 0}" + tasks(a=bash("true")))
    for outer, inner in zip(names[-2::-1], names[:0:-1], strict=True):
        defined(outer, "variables: {x: 0}" + tasks(go=run_workflow(inner, variables='{x: "{{ vars.x }}"}')))
    run = airflow.trigger(names[0], {"x": 5})
    assert airflow.wait_for_run(names[0], run) == "success"
    for name in names[1:]:
        started = child_of(airflow, name, run)
        assert started.conf["x"] == 5
        run = started.run_id


CRASHING = '''"""For tests: workflows become Airflow DAGs; a worker that is about to wait dies, if told to."""
import os
import signal
from pathlib import Path

from airflow_workflow_provider import load_workflow_dags
from airflow_workflow_provider.operators.workflow import WorkflowRunOperator

FOLDER = Path(__file__).with_name(".NAME")
CRASH = FOLDER / "crash"
defer = WorkflowRunOperator.defer


def dying(self, **arguments):
    if CRASH.exists():
        CRASH.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    defer(self, **arguments)


WorkflowRunOperator.defer = dying
load_workflow_dags(FOLDER)
'''


@pytest.mark.parametrize("ends", ["before", "after"])
def test_no_second_child_when_the_worker_dies_between_start_and_wait(
    airflow: LocalAirflow, dag_folder: Path, door: Door, ends: str
) -> None:
    """The child ends before, or after, the second attempt looks for it."""
    delay = 8 if ends == "before" else 1
    name, child = f"crash_parent_{ends}", f"crash_child_{ends}"
    folder = dag_folder / f".{name}"  # hidden from the loader of the other workflows
    folder.mkdir()
    (folder / f"{child}.workflow.yaml").write_text(f"workflow: {child}\n" + tasks(a=bash(door.wait)))
    (folder / f"{name}.workflow.yaml").write_text(
        f"workflow: {name}\n" + tasks(go=run_workflow(child, retries=2, retry_delay=f"{delay}s"))
    )
    (folder / "crash").touch()
    (dag_folder / f"load_{name}.py").write_text(CRASHING.replace("NAME", name))
    airflow.wait_for_dag(child)
    airflow.set_paused(child, paused=False)
    airflow.wait_for_dag(name)
    run = airflow.trigger(name)
    started = child_of(airflow, child, run)
    if ends == "before":
        wait_for_state(airflow, name, run, "go", "up_for_retry")
        door.open()
        wait_for_run_state(airflow, child, started.run_id, "success")
    else:
        wait_for_state(airflow, name, run, "go", "deferred")
        door.open()
    assert airflow.wait_for_run(name, run) == "success"
    assert [each.run_id for each in children_of(airflow, child, run)] == [started.run_id]
    (go,) = airflow.task_instances(name, run)
    assert go.try_number == 2
    assert f"Attempt 1 has started run {started.run_id}" in airflow.task_log(name, run, "go", 2)


def test_a_retry_runs_a_child_that_failed_anew(airflow: LocalAirflow, defined: Define, door: Door) -> None:
    child = defined("retried_child", tasks(a=bash(door.opened)))
    dag = defined("retrying", tasks(go=run_workflow(child, retries=1, retry_delay="1s")))
    run = airflow.trigger(dag)
    wait_for_run_state(airflow, child, child_of(airflow, child, run).run_id, "failed")
    door.open()
    assert airflow.wait_for_run(dag, run) == "success"
    assert sorted(each.state for each in children_of(airflow, child, run)) == ["failed", "success"]


def family(defined: Define, door: Door, name: str) -> tuple[str, str, str]:
    """Grandparent, parent and child, which waits at the door."""
    child = defined(f"{name}_child", tasks(a=bash(door.wait), b=bash("true", depends_on="a")))
    middle = defined(f"{name}_middle", tasks(go=run_workflow(child)))
    top = defined(f"{name}_top", tasks(go=run_workflow(middle, retries=3), slow=bash(door.wait)))
    return top, middle, child


def test_a_run_that_is_set_to_failed_stops_its_children_however_deep(
    airflow: LocalAirflow, defined: Define, door: Door
) -> None:
    top, middle, child = family(defined, door, "failed")
    run = airflow.trigger(top)
    below = child_of(airflow, middle, run).run_id
    deepest = child_of(airflow, child, below).run_id
    wait_for_state(airflow, child, deepest, "a", "running")
    wait_for_state(airflow, middle, below, "go", "deferred")

    set_run_state(airflow, top, run, "failed")

    wait_for_run_state(airflow, middle, below, "failed")
    wait_for_run_state(airflow, child, deepest, "failed")
    assert airflow.task_states(child, deepest) == {"a": "failed", "b": "skipped"}
    note = airflow.run(child, deepest).note
    assert note is not None
    assert note.endswith("Stopped: the task that started it does not wait for it any more.")
    assert note.startswith("Started by task 'go'")


@pytest.mark.parametrize("to", ["success", "failed", "skipped"])
def test_a_task_that_is_set_to_a_state_stops_its_child(
    airflow: LocalAirflow, defined: Define, door: Door, to: str
) -> None:
    top, middle, child = family(defined, door, f"set_{to}")
    run = airflow.trigger(top)
    below = child_of(airflow, middle, run).run_id
    deepest = child_of(airflow, child, below).run_id
    wait_for_state(airflow, top, run, "go", "deferred")

    set_task_state(airflow, top, run, "go", to)

    wait_for_run_state(airflow, middle, below, "failed")
    wait_for_run_state(airflow, child, deepest, "failed")
    assert airflow.run(top, run).state == "running"
    door.open()


def test_a_cleared_task_stops_its_child_and_runs_another_with_the_values_of_now(
    airflow: LocalAirflow, defined: Define, door: Door, database: Path
) -> None:
    child = defined("cleared_child", "max_active_runs: 1\nvariables: {x: 0}" + tasks(a=bash(door.wait)))
    dag = defined(
        "clearing",
        "defaults: {connection: test_db}"
        + tasks(
            ask="{sql: 'SELECT count(*) AS x FROM log WHERE run_id = :run_id', set: x}",
            count="{sql: \"INSERT INTO log VALUES (:run_id, 'x')\", depends_on: ask}",
            go=run_workflow(child, depends_on="{ask: success, count: success}", variables='{x: "{{ vars.x }}"}'),
        ),
    )
    run = airflow.trigger(dag)
    first = child_of(airflow, child, run)
    wait_for_state(airflow, dag, run, "go", "deferred")
    # It runs, and no other of its workflow can start before it has ended.
    wait_for_state(airflow, child, first.run_id, "a", "running")
    assert first.conf["x"] == 0

    airflow.clear(dag, run, ["ask"])

    wait_for_run_state(airflow, child, first.run_id, "failed")
    second = child_of(airflow, child, run, 2)
    assert second.conf["x"] == 1
    door.open()
    assert airflow.wait_for_run(dag, run) == "success"
    assert airflow.run(child, second.run_id).state == "success"

    airflow.clear(dag, run, ["go"])
    third = child_of(airflow, child, run, 3)
    wait_for_run_state(airflow, child, third.run_id, "success")
    assert airflow.wait_for_run(dag, run) == "success"


def test_a_timeout_ends_the_waiting_and_the_end_of_the_run_the_child(
    airflow: LocalAirflow, defined: Define, door: Door
) -> None:
    child = defined("late_child", tasks(a=bash(door.wait)))
    dag = defined("impatient", tasks(go=run_workflow(child, timeout="3s")))
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    (started,) = children_of(airflow, child, run)
    wait_for_run_state(airflow, child, started.run_id, "failed")
    assert links(airflow, dag, run, "go") == {"Workflow run": f"{airflow.url}/dags/{child}/runs/{started.run_id}"}


def test_a_paused_child_is_waited_for_and_the_log_says_so(airflow: LocalAirflow, define: Define) -> None:
    child = define("paused_child", tasks(a=bash("true")))
    dag = define("patient", tasks(go=run_workflow(child)))
    run = airflow.trigger(dag)
    wait_for_state(airflow, dag, run, "go", "deferred")
    started = child_of(airflow, child, run)
    assert f"Workflow 'paused_child' is paused: run {started.run_id}" in airflow.task_log(dag, run, "go")
    airflow.set_paused(child, paused=False)
    assert airflow.wait_for_run(dag, run) == "success"


def test_what_cannot_be_started_says_why(airflow: LocalAirflow, defined: Define) -> None:
    child = defined("picky_child", "variables: {n: {type: integer, required: true}}" + tasks(a=bash("true")))
    dag = defined(
        "refused",
        "variables: {nothing: {type: integer}, text: many}"
        + tasks(
            missing=run_workflow(child, variables='{n: "{{ vars.nothing }}"}'),
            wrong=run_workflow(child, variables='{n: "{{ vars.text }}"}'),
        ),
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    refused = "workflow 'picky_child' could not be started: Invalid input for param n:"
    for task, why in {
        "missing": f"{refused} None is not of type 'integer'",
        "wrong": f"{refused} 'many' is not of type 'integer'",
    }.items():
        assert f"SubWorkflowError: {why}" in airflow.task_log(dag, run, task)
    assert children_of(airflow, child, run) == []


def test_a_child_that_is_deleted_fails_the_task(airflow: LocalAirflow, define: Define) -> None:
    # Paused, so that its run stays in the queue: Airflow does not let a running one be deleted.
    child = define("deleted_child", tasks(a=bash("true")))
    dag = define("bereft", tasks(go=run_workflow(child)))
    run = airflow.trigger(dag)
    started = child_of(airflow, child, run)
    wait_for_state(airflow, dag, run, "go", "deferred")
    airflow._request("DELETE", run_path(child, started.run_id))
    assert airflow.wait_for_run(dag, run) == "failed"
    assert f"run {started.run_id} of workflow 'deleted_child' was deleted" in airflow.task_log(dag, run, "go")


class Triggerer:
    """A triggerer that the test starts and kills."""

    def __init__(self, airflow: LocalAirflow, log: Path) -> None:
        environment = psutil.Process(airflow.process_ids()[0]).environ()
        command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def metadata_apart() -> Iterator[str | None]:
    """Where an Airflow of a test's own keeps its metadata."""
    with metadata_database() as url:
        yield url


def test_the_waiting_goes_on_after_the_death_of_the_triggerer(
    tmp_path: Path, metadata_apart: str | None, door: Door
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "load_workflows.py").write_text(LOADER)
    (dags / "child.workflow.yaml").write_text("workflow: child\n" + tasks(a=bash(door.wait)))
    (dags / "parent.workflow.yaml").write_text("workflow: parent\n" + tasks(go=run_workflow("child")))
    env = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        # Another triggerer takes over what the dead one had after this many seconds.
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "3",
    }
    home = tmp_path / "home"
    with LocalAirflow(dags, home=home, sql_alchemy_conn=metadata_apart, env=env, triggerer=False) as airflow:
        first = Triggerer(airflow, tmp_path / "first.log")
        second = None
        try:
            airflow.wait_for_dag("parent")
            airflow.set_paused("child", paused=False)
            run = airflow.trigger("parent")
            wait_for(
                lambda: (trigger := task_details(airflow, "parent", run, "go")["trigger"]) and trigger["triggerer_id"],
                "the triggerer to wait",
                DEADLINE,
            )
            started = child_of(airflow, "child", run)
            first.kill()
            door.open()
            wait_for_run_state(airflow, "child", started.run_id, "success")
            assert state(airflow, "parent", run, "go") == "deferred"
            second = Triggerer(airflow, tmp_path / "second.log")
            assert airflow.wait_for_run("parent", run) == "success"
            assert len(children_of(airflow, "child", run)) == 1
        finally:
            first.kill()
            if second is not None:
                second.kill()
