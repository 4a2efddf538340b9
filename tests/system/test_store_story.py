"""Workflows from the store on an Airflow with two workers that have disks of their own: what runs keep, and faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts import airflow_services
from scripts.airflow_api import wait_for
from tests.system.store_airflow import StoreAirflow, store_airflow

# What a version of a workflow does: each worker says which it is, before and after it waited for the gate.
PATIENT = """\
defaults: {{connection: warehouse}}
variables: {{gate: {{type: string, default: open}}}}
tasks:
  west_begin:
    sql: INSERT INTO log (run_id, task, said, workflow_version) VALUES (:run_id, :task, '{said}', :workflow_version)
  east_wait:
    depends_on: west_begin
    sql: SELECT name FROM gate WHERE name = :gate FOR SHARE
  east_end:
    depends_on: east_wait
    sql: INSERT INTO log (run_id, task, said, workflow_version) VALUES (:run_id, :task, '{said}', :workflow_version)
  west_end:
    depends_on: east_end
    sql: end.sql
"""
END = "INSERT INTO log (run_id, task, said, workflow_version) VALUES (:run_id, :task, '{said}', :workflow_version);\n"
# One task, of one worker.
SHORT = """\
defaults: {{connection: warehouse}}
tasks:
  {worker}_say:
    retries: 1
    retry_delay: 0s
    sql: INSERT INTO log (run_id, task, said, workflow_version) VALUES (:run_id, :task, '{said}', :workflow_version)
"""


TEXTS = "workflow_store_content"
"""The table with the texts of definitions: who asks for it has begun to write a release."""


def patient(story: StoreAirflow, said: str) -> dict[str, str]:
    (story.folder / "end.sql").write_text(END.format(said=said))
    return {"patient": PATIENT.format(said=said)}


def short(worker: str, said: str) -> dict[str, str]:
    return {f"short_{worker}": SHORT.format(worker=worker, said=said)}


def said_by(said: str, version: int) -> list[tuple[str, str, str]]:
    return [(task, said, str(version)) for task in ("west_begin", "east_end", "west_end")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAirflow]:
    if missing := airflow_services.missing_service():
        pytest.skip(missing)
    env = {
        # A task whose worker was killed is tried again after this many seconds instead of 300.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    }
    with store_airflow(tmp_path_factory.mktemp("store"), **env) as running:
        running.publish({**patient(running, "one"), **short("east", "short"), **short("west", "short")}, "at first")
        yield running


def test_a_run_keeps_its_version_while_others_come_and_go(story: StoreAirflow) -> None:
    airflow = story.airflow
    first = int(airflow.dag_details("patient")["bundle_version"])
    with story.closed_gate():
        long_run = airflow.trigger("patient", {"gate": "closed"})
        wait_for(lambda: airflow.task_states("patient", long_run)["east_wait"] == "running", "the task to wait")

        second = story.publish(patient(story, "two"), "better")
        run = story.run("patient")
        assert story.log(run) == said_by("two", 2)

        third = story.activate("patient", 1)
        again = story.run("patient")
        assert story.log(again) == said_by("one", 1)
        assert story.log(long_run) == said_by("one", 1)[:1]
    assert airflow.wait_for_run("patient", long_run) == "success"

    assert story.log(long_run) == said_by("one", 1)
    kept = [airflow.run("patient", each).bundle_version for each in (long_run, run, again)]
    assert kept == [str(first), str(second), str(third)]
    assert story.releases("east") == story.releases("west") == [first, second, third]


def test_a_workflow_of_which_nothing_is_published_gets_no_new_dag_version(story: StoreAirflow) -> None:
    versions = len(story.airflow.dag_versions("short_east"))
    release = story.publish(patient(story, "three"))
    story.airflow.parse_anew("short_east")
    story.wait_for_release("short_east", release)  # it is of this release, as every workflow is

    assert len(story.airflow.dag_versions("short_east")) == versions == 1


def test_a_worker_has_only_the_releases_that_it_needed(story: StoreAirflow) -> None:
    before = story.releases("east")
    unused = story.publish(short("east", "nobody runs this"))
    needed = story.publish(short("west", "anew"))

    assert story.said(story.run("short_west")) == ["anew"]

    assert story.releases("east") == before
    assert needed in story.releases("west")
    assert unused not in story.releases("west")


def test_a_worker_killed_while_it_materialises_a_release(story: StoreAirflow) -> None:
    release = story.publish(short("east", "after the worker was killed"))
    with story.to_store_of_workers.holding(TEXTS) as asks_for_texts:
        run = story.airflow.trigger("short_east")
        assert asks_for_texts.wait(60)
        story.airflow.kill("east")
    assert release not in story.releases("east")

    assert story.airflow.wait_for_run("short_east", run) == "success"

    assert story.said(run) == ["after the worker was killed"]
    assert [task.try_number for task in story.airflow.task_instances("short_east", run) if task.pid] == [2]
    assert release in story.releases("east")


def test_a_dag_processor_killed_while_it_writes_a_release(story: StoreAirflow) -> None:
    before = story.airflow.dag_ids()
    with story.to_store.holding(TEXTS) as asks_for_texts:
        release = story.publish_only(short("west", "after the dag processor was killed"))
        assert asks_for_texts.wait(60)
        story.airflow.kill("dag-processor")

    story.wait_for_release("short_west", release)
    assert story.said(story.run("short_west")) == ["after the dag processor was killed"]
    assert story.airflow.dag_ids() == before


def test_a_publisher_killed_in_the_middle(story: StoreAirflow) -> None:
    before = story.workflows("list", "--json")
    files = story.write(short("west", "half published"))
    with (
        story.to_store.holding("INSERT INTO workflow_store_audit") as writes,
        story.command("publish", *files) as publisher,
    ):
        try:
            assert writes.wait(60)
        finally:
            publisher.kill()
    assert story.workflows("list", "--json") == before

    story.publish(short("west", "half published"))
    assert story.said(story.run("short_west")) == ["half published"]


def test_what_is_on_disk_goes_on_without_the_store(story: StoreAirflow) -> None:
    airflow = story.airflow
    release = story.publish(patient(story, "on disk"))
    story.run("patient")
    story.to_store.cut()
    story.to_store_of_workers.cut()
    try:
        warning = f"release {release}, which is on disk, stays in use"
        wait_for(lambda: warning in airflow.component_log("dag-processor"), "the warning")
        assert story.said(story.run("patient")) == ["on disk"] * 3
        with story.command("publish", *story.write(short("west", "refused"))) as refused:
            problems = refused.communicate()[1]
        assert refused.returncode != 0
        assert "the workflow store 'workflow_store' cannot be reached" in problems
        assert "Traceback" not in problems
        release = story.publish_only(short("west", "from elsewhere"))
    finally:
        story.to_store.mend()
        story.to_store_of_workers.mend()

    story.wait_for_release("short_west", release)
    assert story.said(story.run("short_west")) == ["from elsewhere"]
