"""The file that keeps the plans of a folder: what happens to it, and to the processes that write it, loses nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import FrameType
from zlib import crc32

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_workflow_provider import load_workflow_dags
from airflow_workflow_provider.dags.plan_cache import _say
from airflow_workflow_provider.definitions import reader

DEFINITION = """
workflow: {name}
description: {description}
tasks:
  a: {{operator: airflow.providers.standard.operators.empty.EmptyOperator}}
"""


@pytest.fixture(autouse=True)
def _airflow(airflow_database: None) -> None:
    """DAGs are built."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the definitions that have been read, not taken from the pack, since this was last cleared."""
    seen: list[str] = []
    read_workflow = reader.read_workflow

    def noting(path: str, *rest: object) -> reader.Reading:
        seen.append(Path(path).name.partition(".")[0])
        return read_workflow(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "read_workflow", noting)
    return seen


def define(folder: Path, name: str, description: str = "", file: str | None = None) -> Path:
    path = folder / f"{file or name}.workflow.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(DEFINITION.format(name=name, description=description or name))
    return path


def pack_of(folder: Path) -> Path:
    return folder / "__pycache__" / f"workflows.{os.geteuid()}" / "plans"


def load(folder: Path, read: list[str]) -> list[str]:
    """What had to be read to load the folder; all of it must be there."""
    read.clear()
    dags = load_workflow_dags(folder)
    assert {dag.dag_id for dag in dags.values()} == {path.read_text().split()[1] for path in folder.rglob("*.yaml")}
    assert all(set(dag.task_dict) == {"a"} for dag in dags.values())
    return sorted(read)


def test_wherever_a_pack_is_cut_off_what_is_whole_is_used(tmp_path: Path, read: list[str]) -> None:
    names = ["one", "three", "two"]
    for name in names:
        define(tmp_path, name)
    assert load(tmp_path, read) == names
    whole = pack_of(tmp_path).read_bytes()
    first, second = whole.index(b'\n"three"'[:-1]), whole.index(b'\n"two')
    for size in (0, 1, first // 2, first - 2, first, first + 3, second - 2, second, len(whole) - 2):
        pack_of(tmp_path).write_bytes(whole[:size])
        assert load(tmp_path, read) == [
            name for name in names if whole.find(b"}\n", whole.index(name.encode())) >= size
        ]
        assert load(tmp_path, read) == [], "what is added after a part of a line is found"


def test_what_is_no_plan_is_made_anew(tmp_path: Path, read: list[str]) -> None:
    define(tmp_path, "one")
    load(tmp_path, read)
    whole = pack_of(tmp_path).read_bytes()
    damaged = (
        b"\xff\x00",
        b"\0" * len(whole),
        whole.replace(b"\t", b""),
        whole.replace(b'"files"', b'"fires"'),
        whole.replace(b'"files": [[', b'"files": [[], ['),
        whole.replace(b'"tasks":[', b'"tasks":[1,'),
        whole.replace(b'"id":"a"', b'"id":"b"'),
        whole.replace(b'{"code"', b'[{"code"'),
    )
    for content in damaged:
        assert content != whole
        pack_of(tmp_path).write_bytes(content)
        assert load(tmp_path, read) == ["one"]
        assert load(tmp_path, read) == []


def test_a_change_is_added_and_leaves_the_rest_as_it_is(tmp_path: Path, read: list[str]) -> None:
    for number in range(50):
        define(tmp_path, f"w{number}")
    load(tmp_path, read)
    before = pack_of(tmp_path).read_bytes()
    define(tmp_path, "w7", "changed")
    assert load(tmp_path, read) == ["w7"]
    after = pack_of(tmp_path).read_bytes()
    assert after.startswith(before)
    assert len(after) < len(before) * 1.1
    assert load(tmp_path, read) == []
    assert pack_of(tmp_path).read_bytes() == after


def test_a_pack_does_not_grow_forever(tmp_path: Path, read: list[str]) -> None:
    for number in range(5):
        define(tmp_path, f"w{number}", "x" * 3000)
    load(tmp_path, read)
    size = pack_of(tmp_path).stat().st_size
    for change in range(30):
        define(tmp_path, "w0", f"c{change}" * 1000)
        assert load(tmp_path, read) == ["w0"]
    assert pack_of(tmp_path).stat().st_size < 3 * size
    assert load(tmp_path, read) == []
    assert list(pack_of(tmp_path).parent.iterdir()) == [pack_of(tmp_path)]


def test_a_renamed_definition_is_read_anew_and_a_removed_one_is_gone(tmp_path: Path, read: list[str]) -> None:
    one = define(tmp_path, "one")
    two = define(tmp_path, "two")
    load(tmp_path, read)
    one.rename(one.with_name("other.workflow.yaml"))
    two.unlink()
    assert load(tmp_path, read) == ["other"]
    define(tmp_path, "two", "another one")
    assert load(tmp_path, read) == ["two"]
    assert load(tmp_path, read) == []


def test_every_folder_has_its_own(tmp_path: Path, read: list[str]) -> None:
    define(tmp_path, "above", file="w")
    define(tmp_path / "below", "below", file="w")
    assert load(tmp_path, read) == ["w", "w"]
    assert pack_of(tmp_path / "below").is_file()
    assert load(tmp_path, read) == []
    define(tmp_path / "below", "below", "changed", file="w")
    assert load(tmp_path, read) == ["w"]


def test_a_copy_of_a_folder_means_what_the_copy_says(tmp_path: Path, read: list[str]) -> None:
    define(tmp_path / "production", "one", "of production")
    load(tmp_path / "production", read)
    shutil.copytree(tmp_path / "production", tmp_path / "staging", copy_function=shutil.copy2)
    define(tmp_path / "staging", "one", "of staging")
    assert load_workflow_dags(tmp_path / "staging")["one"].description == "of staging"
    assert load(tmp_path / "staging", read) == load(tmp_path / "production", read) == []


def test_a_file_with_an_odd_name(tmp_path: Path, read: list[str]) -> None:
    define(tmp_path, "odd", file='a\tb\nc"é')
    assert len(load(tmp_path, read)) == 1
    assert load(tmp_path, read) == []


def test_the_prefix_of_the_bytecode_moves_it(tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "dags", tmp_path / "elsewhere"
    define(folder, "one")
    monkeypatch.setattr(sys, "pycache_prefix", str(elsewhere))
    load(folder, read)
    assert load(folder, read) == []
    assert not (folder / "__pycache__").exists()
    assert [path.name for path in elsewhere.rglob("workflows.*/*")] == ["plans"]


def test_a_plan_that_other_code_made_is_not_used(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    define(tmp_path, "one")
    load(tmp_path, read)
    monkeypatch.setattr("airflow_workflow_provider.dags.plan_cache._code", lambda: "other code")
    assert load(tmp_path, read) == ["one"]
    assert load(tmp_path, read) == []


def test_where_it_cannot_be_written_nothing_is_kept(tmp_path: Path, read: list[str]) -> None:
    define(tmp_path, "one")
    pack_of(tmp_path).mkdir(parents=True)
    assert load(tmp_path, read) == ["one"]
    assert load(tmp_path, read) == ["one"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_somebody_else_could_have_written_is_made_anew_and_said(
    mode: int, tmp_path: Path, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    _say.cache_clear()
    for name in ("one", "two"):
        define(tmp_path, name)
    load(tmp_path, read)
    pack_of(tmp_path).chmod(mode)
    assert load(tmp_path, read) == ["one", "two"]
    assert caplog.text.count(f"plans are not read but made anew: {pack_of(tmp_path)} may be written by others") == 1
    assert pack_of(tmp_path).stat().st_mode & 0o777 == 0o600
    assert load(tmp_path, read) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_plan_of_another_user_names_no_class_that_runs(*, is_folder: bool, tmp_path: Path, read: list[str]) -> None:
    define(tmp_path, "one")
    load(tmp_path, read)
    content = pack_of(tmp_path).read_bytes()
    header, _, plan = content.rstrip(b"\n").rpartition(b"\t")
    kept = header.split(b"\t", 2)[2] + b"\t" + plan.replace(b"EmptyOperator", b"OtherOperator")
    pack_of(tmp_path).write_bytes(b'"one.workflow.yaml"\t%08x\t%b\n' % (crc32(kept), kept))
    assert "OtherOperator" in str(load_workflow_dags(tmp_path)["one"].doc_md)  # the forgery is a good one
    os.chown(pack_of(tmp_path).parent if is_folder else pack_of(tmp_path), 65534, -1)
    assert load(tmp_path, read) == ["one"]


def test_a_load_that_is_killed_leaves_what_it_has_done(tmp_path: Path, read: list[str]) -> None:
    for number in range(150):
        define(tmp_path, f"w{number:03}")
    (tmp_path / "deadly.py").write_text("import os\nos._exit(9)\n")
    deadly = define(tmp_path, "x")
    deadly.write_text("workflow: x\ntasks: {a: {operator: deadly.Operator}}\n")
    done = run(f"import sys; sys.path.append({str(tmp_path)!r})", tmp_path)
    assert done.wait() == 9
    deadly.unlink()
    assert len(load(tmp_path, read)) <= 50
    assert load(tmp_path, read) == []


class _Stop:
    """Airflow's timeout, after so many calls of functions of this package."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "airflow_workflow_provider" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                raise AirflowTaskTimeout


def interrupted(folder: Path, calls: int) -> bool:
    """Load the folder until the timeout; whether that was before its end."""
    sys.setprofile(_Stop(calls))
    try:
        load_workflow_dags(folder)
    except AirflowTaskTimeout:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_an_interrupted_load_throws_no_plan_away(tmp_path: Path, read: list[str]) -> None:
    for number in range(200):
        define(tmp_path, f"w{number:03}")
    load(tmp_path, read)
    load_workflow_dags(tmp_path)
    pack_of(tmp_path).write_bytes(pack_of(tmp_path).read_bytes() * 3)  # more than half of it is of no use
    assert interrupted(tmp_path, 2_000)
    assert load(tmp_path, read) == []
    assert pack_of(tmp_path).stat().st_size < 1_000_000


def test_wherever_a_load_is_interrupted_what_it_has_planned_is_kept(tmp_path: Path, read: list[str]) -> None:
    for name in ("one", "two", "three"):
        define(tmp_path, name)
    (tmp_path / "broken.workflow.yaml").write_text("workflow: [")
    for calls in range(1, 100_000, 7):
        pack_of(tmp_path).unlink(missing_ok=True)
        read.clear()
        if not interrupted(tmp_path, calls):
            break
        kept = pack_of(tmp_path).read_bytes() if pack_of(tmp_path).exists() else b""
        planned = set(re.findall(rb'(?m)^"(\w+)\.', kept))
        begun = {name.encode() for name in read} - {b"broken"}
        assert len(begun - planned) <= 1, calls  # the one that was being planned
    else:
        raise AssertionError("a load has no end")
    assert calls > 100


def test_processes_that_write_at_once_lose_nothing_that_is_not_made_again(tmp_path: Path, read: list[str]) -> None:
    for number in range(120):
        define(tmp_path, f"w{number}", "x" * 2000)
    go = tmp_path / "go"
    wait = f"import os, time\nprint(flush=True)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.001)"
    running = [run(wait, tmp_path) for _ in range(4)]
    for each in running:
        assert each.stdout is not None
        each.stdout.readline()
    go.touch()
    assert [each.wait() for each in running] == [0] * 4
    load(tmp_path, read)
    assert load(tmp_path, read) == []
    assert {path.name for path in pack_of(tmp_path).parent.iterdir()} == {"plans"}


def run(before: str, folder: Path) -> subprocess.Popen[str]:
    """A process that loads the folder."""
    code = f"""
        from airflow_workflow_provider import load_workflow_dags
        {textwrap.indent(before, " " * 8).strip()}
        load_workflow_dags({str(folder)!r})
    """
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
