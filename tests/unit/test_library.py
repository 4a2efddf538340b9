"""Which files a folder of definitions has, and which packages a workflow sees."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_workflow_provider.definitions.library import Library, load_root
from airflow_workflow_provider.definitions.reader import read_workflow
from tests.unit.reading import SMALLEST, messages

PACKAGE = "package: {name}\nrun: {{operator: a.B}}\n"
CALLS = "workflow: w\ntasks:\n  a: {package: mail}\n"


def _put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _mail(name: str = "mail") -> str:
    return PACKAGE.format(name=name)


def test_files_by_their_ending_in_order(tmp_path: Path) -> None:
    names = ["b.workflow.yaml", "a/c.workflow.json", "d.workflow.yml", "e.package.yaml", "x.yaml", ".h/z.workflow.yaml"]
    _put(tmp_path, {**dict.fromkeys(names, SMALLEST), "__pycache__/p.workflow.yaml": SMALLEST})
    library = Library(tmp_path)
    found = [str(Path(stamp.path).relative_to(tmp_path)) for stamp in library.workflow_files]
    assert found == ["a/c.workflow.json", "b.workflow.yaml", "d.workflow.yml"]
    assert [Path(stamp.path).name for stamp in library.package_files(str(tmp_path))] == ["e.package.yaml"]


def test_a_package_is_seen_from_its_folder_and_above(tmp_path: Path) -> None:
    _put(
        tmp_path,
        {
            "top.workflow.yaml": CALLS,
            "team/own.workflow.yaml": CALLS,
            "other/far.workflow.yaml": CALLS,
            "teams.package.yaml": _mail("unrelated"),
            "team/packages/mail.package.yaml": _mail(),
        },
    )
    library = Library(tmp_path)
    readings = {
        name: read_workflow(str(tmp_path / name), library)
        for name in ("top.workflow.yaml", "team/own.workflow.yaml", "other/far.workflow.yaml")
    }
    assert [bool(reading.errors) for reading in readings.values()] == [False, False, True]
    assert "unknown package 'mail'" in messages(readings["other/far.workflow.yaml"])[0]
    assert readings["top.workflow.yaml"].used_files == (), "packages are told by their fingerprint"


def test_two_of_one_name_show_both_places(tmp_path: Path) -> None:
    _put(tmp_path, {"w.workflow.yaml": CALLS, "a/x.package.yaml": _mail(), "b/y.package.json": '{"package": "mail"}'})
    [message] = [each for each in messages(read_workflow(str(tmp_path / "w.workflow.yaml"))) if "2 packages" in each]
    assert str(tmp_path / "a/x.package.yaml") in message
    assert str(tmp_path / "b/y.package.json") in message


def test_a_broken_package_that_nobody_calls_hurts_nobody(tmp_path: Path) -> None:
    _put(tmp_path, {"w.workflow.yaml": CALLS, "mail.package.yaml": _mail(), "broken.package.yaml": "run: ["})
    assert read_workflow(str(tmp_path / "w.workflow.yaml")).diagnostics == ()


def test_a_package_file_that_cannot_be_read_goes_by_its_file_name(tmp_path: Path) -> None:
    _put(tmp_path, {"w.workflow.yaml": CALLS, "mail.package.yaml": "package: mail\nrun: ["})
    reading = read_workflow(str(tmp_path / "w.workflow.yaml"))
    assert [Path(each.file).name for each in reading.diagnostics] == ["mail.package.yaml", "w.workflow.yaml"]


def test_a_workflow_in_a_package_file_and_the_other_way_round(tmp_path: Path) -> None:
    _put(tmp_path, {"w.workflow.yaml": _mail("w"), "mail.package.yaml": SMALLEST, "c.workflow.yaml": CALLS})
    assert messages(read_workflow(str(tmp_path / "w.workflow.yaml"))) == [
        "this is a package, not a workflow; name the file *.package.yaml"
    ]
    assert "this is a workflow, not a package; name the file *.workflow.yaml" in messages(
        read_workflow(str(tmp_path / "c.workflow.yaml"))
    )


def test_links_in_a_circle_and_into_nothing(tmp_path: Path) -> None:
    _put(tmp_path, {"w.workflow.yaml": SMALLEST})
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.workflow.yaml").symlink_to(tmp_path / "nowhere")
    found = [Path(stamp.path).name for stamp in Library(tmp_path).workflow_files]
    assert found.count("gone.workflow.yaml") >= 1
    assert len(found) <= 4
    assert "cannot be read" in messages(read_workflow(str(tmp_path / "gone.workflow.yaml")))[0]


def test_what_can_never_be_read_hurts_nobody(tmp_path: Path) -> None:
    """A link to itself cannot even be asked whether it is a folder; a pipe never ends."""
    _put(tmp_path, {"good/w.workflow.yaml": CALLS, "good/p.package.yaml": _mail()})
    (tmp_path / "good" / "loop.workflow.yaml").symlink_to("loop.workflow.yaml")
    (tmp_path / "good" / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "good" / "pipe.package.yaml")
    os.mkfifo(tmp_path / "pipe.py")
    assert load_root(tmp_path / "good") == tmp_path / "good"
    library = Library(tmp_path / "good")
    assert [Path(stamp.path).name for stamp in library.workflow_files] == ["loop.workflow.yaml", "w.workflow.yaml"]
    assert not read_workflow(str(tmp_path / "good" / "w.workflow.yaml"), library).errors
    looping = read_workflow(str(tmp_path / "good" / "loop.workflow.yaml"), library)
    assert messages(looping) == ["the file cannot be read: Too many levels of symbolic links"]


def test_the_fingerprint_changes_with_the_packages_in_sight(tmp_path: Path) -> None:
    _put(tmp_path, {"a/x.package.yaml": _mail()})
    near, far = str(tmp_path / "a"), str(tmp_path / "b")
    before = [Library(tmp_path).packages_fingerprint(folder) for folder in (near, far)]
    _put(tmp_path, {"a/y.package.yaml": _mail("other")})
    after = [Library(tmp_path).packages_fingerprint(folder) for folder in (near, far)]
    assert before[0] != after[0]
    assert before[1] == after[1]
