"""The command line without Airflow: whole outputs against golden files. ``UPDATE_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.command_list import COMMANDS
from airflow_workflow_provider.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "cli"
PROGRAM = [sys.executable, "-m", "airflow_workflow_provider"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in the folder with the golden definitions."""

    def call(*arguments: str, folder: Path = GOLDEN) -> Result:
        monkeypatch.chdir(folder)
        try:
            code = main(arguments)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else -1
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


def compare(name: str, text: str) -> None:
    """With a golden file; versions change with every change of the compiler."""
    scrubbed = re.sub(r'(version "?|"version": ")[0-9a-f]{12}\b', r"\1<version>", text)
    file = GOLDEN / "expected" / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(scrubbed, encoding="utf-8")
    assert scrubbed == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("validate.txt", "validate broken", 1),
        ("validate_verbose.txt", "validate -v broken", 1),
        ("validate.json", "validate broken --format json", 1),
        ("validate.json", "validate broken --json", 1),
        ("validate_github.txt", "validate broken --format github", 1),
        ("validate_ok.json", "validate definitions -f json", 0),
        ("show.txt", "show definitions/campaign.workflow.yaml", 0),
        ("show_small.txt", "show definitions/small.workflow.json", 0),
        ("graph.txt", "graph definitions/campaign.workflow.yaml", 0),
        ("graph.mmd", "graph definitions/campaign.workflow.yaml --format mermaid", 0),
        ("graph.dot", "graph definitions/campaign.workflow.yaml --format dot", 0),
        ("simulate.txt", "simulate definitions/campaign.workflow.yaml", 0),
        ("simulate_fail.txt", "simulate definitions/campaign.workflow.yaml --fail load publish warm_cache", 0),
        ("simulate_skip.json", "simulate definitions/campaign.workflow.yaml --skip find-campaign --json", 0),
        ("show.json", "show definitions/campaign.workflow.yaml --json", 0),
        ("show_package.txt", "show definitions/packages/warm_cache.package.yaml", 0),
        ("show_package.json", "show definitions/packages/warm_cache.package.yaml --json", 0),
        ("graph.json", "graph definitions/campaign.workflow.yaml --json", 0),
    ],
)
def test_prints_exactly_this(run: Run, name: str, arguments: str, code: int) -> None:
    result = run(*arguments.split())
    assert result.code == code
    compare(name, result.out)


@pytest.mark.parametrize("command", ["show", "graph", "simulate"])
def test_says_what_is_wrong_instead_of_showing_a_broken_definition(run: Run, command: str) -> None:
    result = run(command, "broken/rules.workflow.yaml")
    assert (result.code, result.out) == (1, "")
    compare("broken_definition.err.txt", result.err)


class TestValidate:
    def test_ends_with_a_summary_that_does_not_mix_with_the_result(self, run: Run) -> None:
        assert run("validate", "definitions").err == "no problems in 3 files\n"
        broken = run("validate", "broken", "-f", "json")
        assert re.fullmatch(r"\d+ errors and 1 warning in 11 of 12 files\n", broken.err)
        assert len(json.loads(broken.out)) > 11

    def test_warnings_alone_are_no_failure(self, run: Run) -> None:
        result = run("validate", "broken/pasted.workflow.yaml")
        assert result.code == 0
        assert ": warning: " in result.out
        assert result.err == "1 warning in 1 of 1 file\n"

    def test_shows_paths_as_they_were_given(self, run: Run) -> None:
        name = "tabs.workflow.yaml"
        assert run("validate", name, folder=GOLDEN / "broken").out.startswith(f"{name}:3:1: error: ")
        assert run("validate", f"../cli/broken/{name}").out.startswith(f"../cli/broken/{name}:3:1: ")
        absolute = str(GOLDEN / "broken" / name)
        assert run("validate", absolute).out.startswith(f"{absolute}:3:1: ")

    def test_counts_a_file_once_by_whatever_path_it_is_named(self, run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "real" / "below"
        folder.mkdir(parents=True)
        (folder / "w.workflow.yaml").write_text("workflow: w\ntasks: {a: {sql: SELECT 1}}\n", encoding="utf-8")
        (tmp_path / "link").symlink_to("real/below")
        names = ("real/below/w.workflow.yaml", "./real/below/../below/w.workflow.yaml", "link/w.workflow.yaml")
        result = run("validate", *names, str(folder / "w.workflow.yaml"), "real", "link/..", folder=tmp_path)
        assert result.err == "no problems in 1 file\n"

    def test_the_order_of_the_arguments_does_not_matter(self, run: Run) -> None:
        files = sorted(str(path.relative_to(GOLDEN)) for path in (GOLDEN / "broken").rglob("*.*.*"))
        forwards, backwards = run("validate", *files), run("validate", *reversed(files))
        assert forwards == backwards
        assert run("validate", "broken", *files) == run("validate", "broken")

    def test_finds_packages_beside_a_file_that_is_named_without_its_folder(self, run: Run) -> None:
        result = run("validate", "campaign.workflow.yaml", folder=GOLDEN / "definitions")
        assert (result.code, result.err) == (0, "no problems in 1 file\n")

    def test_reads_each_package_once_for_files_in_different_folders(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        shutil.copy(GOLDEN / "broken" / "packages" / "broken.package.yaml", tmp_path / "a" / "b")
        for folder in ("a", "a/b"):
            text = f"workflow: {folder[-1]}\ntasks: {{call: {{package: broken}}}}\n"
            (tmp_path / folder / "w.workflow.yaml").write_text(text, encoding="utf-8")
        result = run("validate", "a/b/w.workflow.yaml", "a/w.workflow.yaml", folder=tmp_path)
        assert result.out.count("is not a dotted path") == 1
        assert result.out.count("package 'broken' has errors; see a/b/broken.package.yaml") == 2

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("same", "other"), [("other.workflow.yaml:1:11: error: workflow: workflow 'same' is also defined in "
             "same.workflow.yaml; same.workflow.yaml is used; rename one of them [duplicate_workflow]")]),
            (("one", "two"), [
                ("one.workflow.yaml:1:11: error: workflow: workflow 'same' is also defined in two.workflow.yaml; "
                "none of them is used; rename one of them [duplicate_workflow]"),
                ("two.workflow.yaml:1:11: error: workflow: workflow 'same' is also defined in one.workflow.yaml; "
                "none of them is used; rename one of them [duplicate_workflow]"),
            ]),
        ],
    )  # fmt: skip
    def test_one_name_in_two_files(self, run: Run, tmp_path: Path, names: tuple[str], expected: list[str]) -> None:
        for name in names:
            file = tmp_path / f"{name}.workflow.yaml"
            file.write_text("workflow: same\ntasks: {a: {sql: SELECT 1}}\n", encoding="utf-8")
        result = run("validate", ".", folder=tmp_path)
        assert result.out.splitlines() == expected
        assert run("validate", *(f"{name}.workflow.yaml" for name in names), folder=tmp_path).code == 0

    def test_a_broken_file_does_not_take_the_name_from_a_good_one(self, run: Run, tmp_path: Path) -> None:
        good, bad = tmp_path / "good.workflow.yaml", tmp_path / "same.workflow.yaml"
        good.write_text("workflow: same\ntasks: {a: {sql: SELECT 1}}\n", encoding="utf-8")
        bad.write_text("workflow: same\ntasks: {a: {sql: SELECT 1, retries: -1}}\n", encoding="utf-8")
        result = run("validate", ".", folder=tmp_path)
        assert {line.split(":")[0] for line in result.out.splitlines()} == {"same.workflow.yaml"}
        assert "good.workflow.yaml is used" in result.out

    def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "gone.workflow.yaml").symlink_to("nowhere")
        result = run("validate", ".", folder=tmp_path)
        assert result.code == 1
        assert "gone.workflow.yaml:1:1: error: the file cannot be read: No such file or directory" in result.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("validat definitions", "unknown command 'validat'; did you mean 'validate'? (see PROGRAM --help)"),
        ("", "the following arguments are required: COMMAND (see PROGRAM --help)"),
        ("validate", "the following arguments are required: PATH (see PROGRAM validate --help)"),
        ("validate nowhere", "there is no file or folder 'nowhere'"),
        ("validate expected", ("there are no definitions in 'expected'; expected *.workflow.yaml, *.package.yaml "
         "(or .yml, .json)")),
        ("validate expected/show.txt", ("'expected/show.txt' is not named as a definition; expected *.workflow.yaml, "
         "*.package.yaml (or .yml, .json)")),
        ("show definitions", "'definitions' is a folder; give a workflow file"),
        ("graph definitions/packages/warm_cache.package.yaml",
         "'definitions/packages/warm_cache.package.yaml' is a package; give a workflow file"),
        ("simulate definitions/campaign.workflow.yaml --fail lod", "unknown task 'lod'; did you mean 'load'?"),
        ("simulate definitions/campaign.workflow.yaml --fail load --skip load",
         "task 'load' cannot both fail and be skipped"),
        ("graph definitions/campaign.workflow.yaml --for dot",
         "unrecognized arguments: --for dot (see PROGRAM --help)"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_sentence(run: Run, arguments: str, error: str) -> None:
    result = run(*arguments.split())
    program = "python -m airflow_workflow_provider"
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {error.replace('PROGRAM', program)}\n"


def test_every_wrong_path_is_told_at_once(run: Run) -> None:
    result = run("validate", "nowhere", "definitions", "neither")
    assert result.err.splitlines() == [
        "error: there is no file or folder 'nowhere'",
        "error: there is no file or folder 'neither'",
    ]


def test_a_problem_is_one_line_whatever_name_it_has(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a\nb.txt").write_text("no definition", encoding="utf-8")
    given = ("no\nwhere", "a\nb.txt", "ne\u2028ither")
    assert run("validate", *given, folder=tmp_path).err.splitlines() == [
        r"error: there is no file or folder 'no\nwhere'",
        r"error: 'a\nb.txt' is not named as a definition; expected *.workflow.yaml, *.package.yaml (or .yml, .json)",
        r"error: there is no file or folder 'ne\u2028ither'",
    ]
    assert run("show", given[1], folder=tmp_path).err.count("\n") == 1
    assert run("no\nsuch").err.count("\n") == 1
    assert run("validate", "x", "--no\nsuch").err.count("\n") == 1


def test_help_explains_every_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = run("--help")
    assert result.code == 0
    for command in (each for each in COMMANDS if not each.needs_airflow):
        assert command.help in " ".join(result.out.split())
        own = " ".join(run(command.name, "--help").out.split())
        assert command.description.split(".", maxsplit=1)[0] in own


class TestProcess:
    """The real program, ``python -m airflow_workflow_provider``."""

    def call(self, *arguments: str, folder: Path = GOLDEN, **options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=folder,
            env={**ENVIRONMENT, **options},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def test_validates(self) -> None:
        done = self.call("validate", "broken")
        assert done.returncode == 1
        compare("validate.txt", done.stdout)

    def test_takes_well_under_a_second_for_one_file(self) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert self.call("validate", "definitions/campaign.workflow.yaml").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0

    @pytest.mark.parametrize(
        ("arguments", "heavy"),
        [
            (["validate", "definitions"], ["airflow", "sqlalchemy", "pendulum"]),
            (["simulate", "definitions/campaign.workflow.yaml"], ["airflow", "sqlalchemy", "pendulum"]),
            (["schema"], ["airflow", "jinja2", "croniter"]),
            (["validate", "nowhere"], ["airflow", "jinja2", "croniter"]),
            (["--help"], ["airflow", "jinja2", "croniter", "pydantic", "yaml"]),
            (["validate"], ["airflow", "jinja2", "croniter", "pydantic", "yaml"]),
        ],
    )
    def test_imports_nothing_that_it_does_not_need(self, arguments: list[str], heavy: list[str]) -> None:
        program = (
            "import atexit, sys; "
            "atexit.register(lambda: print('loaded:', *(n for n in sys.modules if n in HEAVY), file=sys.stderr)); "
            "from airflow_workflow_provider.cli.main import main; sys.exit(main(sys.argv[1:]))"
        ).replace("HEAVY", repr(heavy))
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=GOLDEN, env=ENVIRONMENT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.stderr.splitlines()[-1] == "loaded:"

    def test_colours_only_where_they_are_welcome(self) -> None:
        assert "\x1b" not in self.call("validate", "broken").stdout
        coloured = self.call("validate", "broken", FORCE_COLOR="1")
        assert "\x1b[1;31merror:\x1b[0m" in coloured.stdout
        assert "\x1b" not in self.call("validate", "broken", FORCE_COLOR="1", NO_COLOR="1").stdout
        plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured.stdout)
        assert "\x1b" not in plain
        compare("validate.txt", plain)

    def test_survives_an_encoding_without_its_characters(self) -> None:
        done = self.call("graph", "definitions/campaign.workflow.yaml", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert done.returncode == 0
        assert "\\u25cf find-campaign" in done.stdout

    def test_a_reader_that_goes_away_is_no_error(self, many_problems: Path) -> None:
        process = self.start("validate", str(many_problems))
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(60)) == ("", 141)

    def test_a_full_disk_is_told_in_one_sentence(self) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full here")
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*PROGRAM, "schema"], env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 2
        assert done.stderr == "error: the result cannot be written: No space left on device\n"

    def test_control_c_ends_it_without_a_traceback(self, many_problems: Path) -> None:
        process = self.start("validate", str(many_problems))
        assert process.stdout is not None
        process.stdout.read(1)  # it writes, and waits for us to read on
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, "\ninterrupted\n")

    @staticmethod
    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @pytest.fixture
    def many_problems(self, tmp_path: Path) -> Path:
        """More problems than a pipe holds."""
        file = tmp_path / "many.workflow.yaml"
        missing = "missing_" + "x" * 200
        tasks = [f"  t{number}: {{sql: 'SELECT 1', depends_on: {missing}_{number}}}" for number in range(400)]
        file.write_text("\n".join(("workflow: many", "tasks:", *tasks)), encoding="utf-8")
        return file


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_on_a_terminal_it_shows_the_source_in_colour() -> None:
    ours, its = os.openpty()
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [*PROGRAM, "validate", "broken/one_line.workflow.json"],
        cwd=GOLDEN,
        env={**environment, "TERM": "xterm", "COLUMNS": "72", "LINES": "24"},
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            seen += part
        os.close(ours)
    assert process.returncode == 1
    text = seen.decode().replace("\r\n", "\n")
    assert "\x1b[1;31m^" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(len(line) <= 72 for line in plain.splitlines()[1:3])
    compare("terminal.txt", plain)
