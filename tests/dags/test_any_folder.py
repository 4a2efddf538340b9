"""Whatever is in a folder: every good definition is a DAG, every bad one is named, and none costs another anything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.dags.loader import load_workflow_dags

GOOD = "workflow: {name}\ntasks: {{a: {{sql: SELECT 1, connection: warehouse}}}}\n"
# The value of an unquoted variable is pasted into a command: a warning.
WARNED = """
workflow: {name}
variables: {{unused: "x"}}
tasks:
  a:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {{bash_command: "echo {{{{ vars.unused }}}}"}}
"""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], dict[str, Any]]:
    """Load as a worker does that runs a DAG of the folder."""

    def load(name: str, folder: Path) -> dict[str, Any]:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", name)
        return load_workflow_dags(folder)

    return load


def errors_of(dag: Any) -> str:
    return "\n".join(dag.task_dict["definition_error"].errors)


def test_two_files_of_one_name_with_warnings_cost_no_other_its_dag(tmp_path: Path, worker: Any) -> None:
    (tmp_path / "one.workflow.yaml").write_text(WARNED.format(name="twice"))
    (tmp_path / "two.workflow.yaml").write_text(WARNED.format(name="twice"))
    (tmp_path / "good.workflow.yaml").write_text(GOOD.format(name="good"))
    dags = load_workflow_dags(tmp_path)
    assert set(dags) == {"good", "one", "twice"} or set(dags) == {"good", "two", "twice"}
    assert dags["good"].task_ids == ["a"]
    assert "also defined in" in errors_of(dags["twice"])
    assert set(worker("good", tmp_path)) == {"good"}
    assert "also defined in" in errors_of(worker("twice", tmp_path)["twice"])


def test_a_name_of_the_greatest_length_that_many_have_is_shortened(tmp_path: Path) -> None:
    name = "n" * 250
    for number in range(5):
        (tmp_path / f"{number}.workflow.yaml").write_text(GOOD.format(name=name))
    (tmp_path / f"{'n' * 240}.workflow.yaml").write_text("workflow: [")
    assert len(load_workflow_dags(tmp_path)) == 6


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise BaseException('odd')", "BaseException: odd"),
        ("raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})", "Mute"),
    ],
)
def test_a_module_that_ends_the_process_is_an_error_of_its_definition(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_the_process.py").write_text(f"import sys\n{line}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bad.workflow.yaml").write_text("workflow: bad\ntasks: {a: {operator: ends_the_process.Operator}}\n")
    (tmp_path / "good.workflow.yaml").write_text(GOOD.format(name="good"))
    dags = load_workflow_dags(tmp_path)
    assert set(dags) == {"bad", "good"}
    assert f"(line 2 of {tmp_path / 'ends_the_process.py'}): {said}" in errors_of(dags["bad"])


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "import os\nclass Operator: pass\nos.no_such_thing\n",
            "(line 3 of {file}): AttributeError: module",
        ),
        ("def __getattr__(name):\n    import broken_below\n", "(line 1 of {below}): AttributeError: 'int' object has"),
        ("def __getattr__(name):\n    raise AttributeError(name)\n", "'broken_module' has no 'Operator'"),
        ("Operater = 1\n", "'broken_module' has no 'Operator'; did you mean 'Operater'?"),
        ("import no_such_module\n", "(line 1 of {file}): there is no module 'no_such_module'"),
        ("Operator = 1\n", "'broken_module.Operator' is not an operator class"),
        ("raise TypeError('odd')\n", "(line 1 of {file}): TypeError: odd"),
    ],
)
def test_an_error_inside_an_imported_module_is_told_with_its_place(
    module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, below = tmp_path / "broken_module.py", tmp_path / "broken_below.py"
    file.write_text(module)
    below.write_text("(1).no_such_thing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "broken_module", raising=False)
    (tmp_path / "bad.workflow.yaml").write_text("workflow: bad\ntasks: {a: {operator: broken_module.Operator}}\n")
    assert said.format(file=file, below=below) in errors_of(load_workflow_dags(tmp_path)["bad"])


@pytest.mark.parametrize("interruption", ["KeyboardInterrupt", "AirflowTaskTimeout"])
def test_what_stops_the_whole_parse_is_no_error_of_a_definition(
    interruption: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / f"stops_{interruption}.py"
    module.write_text(f"from airflow.sdk.exceptions import AirflowTaskTimeout\nraise {interruption}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = f"workflow: bad\ntasks: {{a: {{operator: stops_{interruption}.Operator}}}}\n"
    (tmp_path / "bad.workflow.yaml").write_text(text)
    with pytest.raises((KeyboardInterrupt, AirflowTaskTimeout)):
        load_workflow_dags(tmp_path)


def test_a_file_that_is_no_text_and_bears_a_name_that_is_none(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe.workflow.yaml")).write_bytes(b"\x00\xff")
    dags = load_workflow_dags(tmp_path)
    (dag,) = dags.values()
    json.dumps([errors_of(dag), dag.doc_md, dag.description], ensure_ascii=False).encode()  # it can be stored


def test_a_pipe_among_the_definitions_keeps_no_worker_waiting(tmp_path: Path, worker: Any) -> None:
    os.mkfifo(tmp_path / "pipe.workflow.yaml")
    (tmp_path / "other.workflow.yaml").write_text(GOOD.format(name="good"))
    assert set(worker("good", tmp_path)) == {"good"}


NAMES = st.sampled_from(["a", "b", "ä", "x.y", "n" * 220, "_", "workflow_store"])
BAD_TEXTS = st.sampled_from(
    [
        b"",
        b"\xff\xfe\x00binary\x00",
        b"workflow: [",
        b"workflow: '../odd name'\ntasks: {a: {sql: SELECT 1}}\n",
        b"workflow: a\ntasks: {a: {sqll: SELECT 1}}\n",
        b"workflow: b\ntasks: {a: {workflow: nowhere}}\n",
        b"workflow: circle\ntasks: {a: {workflow: circle}}\n",
        b"workflow: b\ntasks: {a: {operator: no.such.Operator}}\n",
        b"workflow: b\ntasks: {a: {operator: airflow.settings.engine}}\n",
        b"- 1\n",
        b"{" * 3000,
        b"workflow: " + b"9" * 2000 + b"\n",
        b"workflow: a\nworkflow: b\n",
        b"workflow: 'a\x85b'\n",
    ]
)


@st.composite
def entries(draw: st.DrawFn) -> list[tuple[str, str, bytes, bool]]:
    """Kind, name, content of entries of a folder; the last part tells whether a definition is a good one."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["file", "file", "file", "folder", "dangling", "circle", "pipe"]))
        name = draw(NAMES)
        text = draw(st.one_of(st.sampled_from([GOOD, WARNED]), BAD_TEXTS))
        is_good = kind == "file" and isinstance(text, str)
        content = text.format(name=name).encode() if isinstance(text, str) else text
        stem = draw(st.sampled_from([name, f"{number}", "same"]))
        found.append((kind, stem, content, is_good))
    return found


@given(entries(), st.booleans())
@settings(max_examples=60)
def test_every_good_definition_is_a_dag_and_every_bad_one_is_named(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, bytes, bool]], is_second: bool
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    try:
        _check(folder, found, is_second=is_second)
    finally:
        shutil.rmtree(folder)


def _check(folder: Path, found: list[tuple[str, str, bytes, bool]], *, is_second: bool) -> None:
    good: dict[str, list[Path]] = {}
    bad: list[Path] = []
    for number, (kind, stem, content, is_good) in enumerate(found):
        place = folder / str(number)
        place.mkdir()
        path = place / f"{stem}.workflow.yaml"
        _make(kind, path, content)
        if is_good:
            good.setdefault(content.decode().split("\n")[0 if content[:1] != b"\n" else 1], []).append(path)
        elif kind != "folder":
            bad.append(path)
    dags = load_workflow_dags(folder)
    if is_second:
        dags = load_workflow_dags(folder)  # from the plans
    broken = [errors_of(dag) for dag in dags.values() if "definition_error" in dag.task_dict]
    for line, paths in good.items():
        name = line.removeprefix("workflow: ").strip("'\"")
        by_name = [path for path in paths if path.name == f"{name}.workflow.yaml"]
        if len(paths) == 1 or by_name:
            assert "definition_error" not in dags[name].task_dict
        bad += [path for path in paths if path not in by_name] if len(paths) > 1 else []
    for path in bad:
        assert any(str(path) in errors for errors in broken), path
    assert len(dags) == sum(kind != "folder" for kind, *_ in found)


def _make(kind: str, path: Path, content: bytes) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(path.parent / "nothing")
    elif kind == "circle":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(content)
