"""A folder of definitions becomes DAGs, as Airflow's own DagBag sees it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOADER = '''"""Every definition beside this file becomes an Airflow DAG."""
from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
'''
GOOD = """
workflow: {name}
tasks:
  a: {{operator: airflow.providers.standard.operators.bash.BashOperator, arguments: {{bash_command: "true"}}}}
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the DAG folder; the loader is there already."""
    (tmp_path / "load.py").write_text(LOADER)

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def bag(tmp_path: Path, airflow_database: None) -> Callable[[], Any]:
    """Parse the DAG folder as the dag processor does."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return lambda: BundleDagBag(dag_folder=tmp_path / "load.py", bundle_path=tmp_path, bundle_name="tests")


def errors_of(dag: Any) -> str:
    return "\n".join(dag.task_dict["definition_error"].errors)


def test_every_definition_of_the_folder_and_below_is_a_dag(write: Write, bag: Any) -> None:
    write("one.workflow.yaml", GOOD.format(name="one"))
    write("below/two.workflow.yml", GOOD.format(name="two"))
    write("three.workflow.json", '{"workflow": "three", "tasks": {"a": {"sql": "SELECT 1"}}}')
    write(".hidden/four.workflow.yaml", GOOD.format(name="four"))
    found = bag()
    assert set(found.dags) == {"one", "two", "three"}
    assert found.import_errors == {}


def test_a_broken_definition_hides_no_other_and_shows_under_its_own_name(write: Write, bag: Any) -> None:
    for number in range(50):
        write(f"good_{number}.workflow.yaml", GOOD.format(name=f"good_{number}"))
    write("bad.workflow.yaml", "workflow: nightly_load\ntasks:\n  a: {sqll: SELECT 1}\n")
    found = bag()
    assert len(found.dags) == 51
    assert found.import_errors == {}
    broken = found.dags["nightly_load"]
    assert broken.tags == {"broken definition"}
    assert "bad.workflow.yaml:3:" in errors_of(broken)
    assert "did you mean 'sql'" in errors_of(broken)
    assert broken.schedule is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "bad"),
        ("workflow: [1]\n", "bad"),
        ("workflow: a b\ntasks: {a: {sql: x}}\n", "a_b"),
        ("workflow: x\n\ttasks: 1\n", "bad"),
        ("\x00", "bad"),
    ],
)
def test_unreadable_definitions_are_seen_too(text: str, name: str, write: Write, bag: Any) -> None:
    write("bad.workflow.yaml", text)
    assert errors_of(bag().dags[name])


def test_a_mended_definition_is_a_dag_again(write: Write, bag: Any) -> None:
    path = write("w.workflow.yaml", "workflow: w\n")
    assert "definition_error" in bag().dags["w"].task_dict
    path.write_text(GOOD.format(name="w"))
    assert set(bag().dags["w"].task_dict) == {"a"}


STANDARD = "airflow.providers.standard.operators"
BASH_WITH = f"{{operator: {STANDARD}.bash.BashOperator, arguments: {{bash_command: 'true', %s}}}}"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("{operator: airflow.providers.nowhere.Operator}", "there is no module"),
        (f"{{operator: {STANDARD}.bash.BashOprator}}", "has no 'BashOprator'; did you mean 'BashOperator'?"),
        ("{operator: collections.OrderedDict}", "is not an operator class"),
        (f"{{operator: {STANDARD}.bash.BashOperator}}", "refuses the arguments"),
        (BASH_WITH % "nonsense: 1", "nonsense"),
        (BASH_WITH % "task_id: x", "'task_id' cannot be given here"),
        (BASH_WITH % "skip_on_exit_code: '{{ vars.ds }}'", "takes no templates"),
        (
            f"{{operator: {STANDARD}.python.PythonOperator, arguments: {{python_callable: os.path.joinn}}}}",
            "did you mean 'join'?",
        ),
    ],
)
def test_an_operator_that_cannot_be_made_is_a_positioned_error(task: str, message: str, write: Write, bag: Any) -> None:
    write("w.workflow.yaml", f"workflow: w\ntasks:\n  a: {task}\n")
    write("other.workflow.yaml", GOOD.format(name="other"))
    dags = bag().dags
    assert "w.workflow.yaml:3:" in errors_of(dags["w"])
    assert message in errors_of(dags["w"])
    assert "Traceback" not in errors_of(dags["w"])
    assert set(dags["other"].task_dict) == {"a"}


def test_two_files_of_one_name_are_both_refused(write: Write, bag: Any) -> None:
    write("first.workflow.yaml", GOOD.format(name="w"))
    write("second.workflow.yaml", GOOD.format(name="w"))
    dags = bag().dags
    shown = "\n".join(errors_of(dag) for dag in dags.values())
    assert "first.workflow.yaml" in shown
    assert "second.workflow.yaml" in shown
    assert all("definition_error" in dag.task_dict for dag in dags.values())


def test_the_file_that_bears_the_name_stays_when_a_copy_appears(write: Write, bag: Any) -> None:
    write("w.workflow.yaml", GOOD.format(name="w"))
    write("a_copy.workflow.yaml", GOOD.format(name="w"))
    dags = bag().dags
    assert set(dags["w"].task_dict) == {"a"}
    assert "is also defined in" in errors_of(dags["a_copy"])


class TestInAWorker:
    """With the parsing context of a worker only the wanted DAG is built."""

    @pytest.fixture
    def wanted(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        return lambda name: monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", name)

    def test_only_the_wanted_dag_is_built(self, write: Write, bag: Any, wanted: Callable[[str], None]) -> None:
        for name in ("one", "two", "three"):
            write(f"{name}.workflow.yaml", GOOD.format(name=name))
        wanted("two")
        assert set(bag().dags) == {"two"}

    def test_whatever_its_file_is_called(self, write: Write, bag: Any, wanted: Callable[[str], None]) -> None:
        write("one.workflow.yaml", GOOD.format(name="two"))
        write("other.workflow.yaml", GOOD.format(name="other"))
        wanted("two")
        assert set(bag().dags) == {"two"}

    def test_a_broken_one_is_found_too(self, write: Write, bag: Any, wanted: Callable[[str], None]) -> None:
        write("one.workflow.yaml", "workflow: one two\n")
        wanted("one_two")
        assert "definition_error" in bag().dags["one_two"].task_dict


class TestPlanCache:
    """Unchanged definitions are not read again; changed ones always are."""

    def test_an_unchanged_definition_is_not_read_again(
        self, write: Write, bag: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("w.workflow.yaml", GOOD.format(name="w"))
        bag()
        monkeypatch.setattr("airflow_workflow_provider.definitions.reader.read_workflow", None)
        assert set(bag().dags["w"].task_dict) == {"a"}

    def test_a_change_that_keeps_size_and_time_is_seen(self, write: Write, bag: Any) -> None:
        path = write("w.workflow.yaml", GOOD.format(name="w"))
        bag()
        before = path.stat()
        path.write_text(path.read_text().replace("  a:", "  b:"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert set(bag().dags["w"].task_dict) == {"b"}

    def test_packages_and_sql_files_count(self, write: Write, bag: Any) -> None:
        write("w.workflow.yaml", "workflow: w\ntasks:\n  a: {sql: q.sql}\n  p: {package: p}\n")
        sql = write("q.sql", "SELECT 1")
        package = write(
            "p.package.yaml",
            "package: p\nrun: {operator: airflow.providers.standard.operators.bash.BashOperator, "
            "arguments: {bash_command: one}}\n",
        )
        bag()
        sql.write_text("SELECT 2, 3")
        assert bag().dags["w"].task_dict["a"].sql == "SELECT 2, 3"
        package.write_text(package.read_text().replace("one", "another"))
        assert bag().dags["w"].task_dict["p"].bash_command == "another"
        write("below/p.package.yaml", package.read_text())
        assert "2 packages named 'p'" in errors_of(bag().dags["w"])

    def test_a_damaged_plan_is_made_anew(self, write: Write, bag: Any, tmp_path: Path) -> None:
        write("w.workflow.yaml", GOOD.format(name="w"))
        bag()
        kept = tmp_path / "__pycache__" / f"workflows.{os.geteuid()}" / "plans"
        for damage in (b"", b"{}", kept.read_bytes()[:-20], b"\xff\x00"):
            kept.write_bytes(damage)
            assert set(bag().dags["w"].task_dict) == {"a"}

    def test_a_folder_that_cannot_be_written_works_without(self, write: Write, bag: Any, tmp_path: Path) -> None:
        write("w.workflow.yaml", GOOD.format(name="w"))
        (tmp_path / "__pycache__").write_text("in the way")
        assert set(bag().dags["w"].task_dict) == {"a"}


def test_a_worker_that_finds_the_plan_loads_no_models_and_no_sql(write: Write, bag: Any, tmp_path: Path) -> None:
    write("w.workflow.yaml", GOOD.format(name="w"))
    bag()
    look = (
        "import sys; from airflow_workflow_provider import load_workflow_dags; "
        f"assert set(load_workflow_dags({str(tmp_path)!r})['w'].task_dict) == {{'a'}}; "
        "print([name for name in sys.modules if name.startswith('airflow_workflow_provider.definitions')])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert "definitions.library" in done.stdout
    assert "definitions.models" not in done.stdout
    assert "definitions.reader" not in done.stdout


def test_five_thousand_tasks_work(write: Write, bag: Any) -> None:
    tasks = "\n".join(f"  t{i}: {{sql: SELECT {i}, depends_on: [{f't{i - 1}' if i else ''}]}}" for i in range(5000))
    write("w.workflow.yaml", f"workflow: w\ntasks:\n{tasks}\n")
    started = time.monotonic()
    assert len(bag().dags["w"].task_dict) >= 5000
    assert time.monotonic() - started < 60, "a generous bound against quadratic work"


def test_the_definition_can_be_read_in_the_ui(write: Write, bag: Any) -> None:
    text = "description: Loads things\n" + GOOD.format(name="w")
    write("w.workflow.yaml", text)
    doc = bag().dags["w"].doc_md
    assert "Loads things" in doc
    assert text.strip() in doc


CALLER = """
workflow: {name}
tasks:
  go: {{workflow: {child}}}
"""


def test_a_call_of_a_workflow_that_is_gone_breaks_the_caller_though_its_file_is_unchanged(
    write: Write, bag: Any
) -> None:
    child = write("child.workflow.yaml", GOOD.format(name="child"))
    write("caller.workflow.yaml", CALLER.format(name="caller", child="child"))
    assert set(bag().dags["caller"].task_dict) == {"go"}
    child.unlink()
    broken = bag().dags["caller"]
    assert "caller.workflow.yaml:4:" in errors_of(broken)
    assert "unknown workflow 'child'" in errors_of(broken)
    child.write_text(GOOD.format(name="child"))
    assert set(bag().dags["caller"].task_dict) == {"go"}


def test_workflows_that_call_each_other_in_a_circle_are_broken_and_no_other(write: Write, bag: Any) -> None:
    write("a.workflow.yaml", CALLER.format(name="a", child="b"))
    write("b.workflow.yaml", CALLER.format(name="b", child="a"))
    write("c.workflow.yaml", CALLER.format(name="c", child="a"))
    found = bag()
    assert "in a circle: a → b → a" in errors_of(found.dags["a"])
    assert "in a circle: b → a → b" in errors_of(found.dags["b"])
    assert set(found.dags["c"].task_dict) == {"go"}


def test_a_broken_workflow_does_not_break_its_callers(write: Write, bag: Any) -> None:
    write("child.workflow.yaml", "workflow: child\ntasks: {a: {sqll: 1}}\n")
    write("caller.workflow.yaml", CALLER.format(name="caller", child="child"))
    assert set(bag().dags["caller"].task_dict) == {"go"}


def test_phases_are_task_groups(write: Write, bag: Any) -> None:
    for name in ("one", "two"):
        write(f"{name}.workflow.yaml", GOOD.format(name=name))
    write("all.workflow.yaml", "workflow: all\nphases: [[one], [two, one]]\n")
    dag = bag().dags["all"]
    groups = dag.task_group.get_task_group_dict()
    assert {name: group.label for name, group in groups.items() if name} == {"1-phase": "phase 1", "2-phase": "phase 2"}
    assert set(groups["2-phase"].children) == {"two", "one-2"}
    assert dag.task_dict["one-2"].upstream_task_ids == {"one"}


def test_every_version_of_a_dag_carries_its_plan(write: Write, bag: Any) -> None:
    from airflow_workflow_provider.compiler.plan_json import load_plan

    write("one.workflow.yaml", GOOD.format(name="one"))
    for _ in ("cold", "from the plan cache"):
        plan = load_plan(bag().dags["one"].task_dict["a"].doc_json)
        assert (plan.workflow, [task.id for task in plan.tasks]) == ("one", ["a"])
