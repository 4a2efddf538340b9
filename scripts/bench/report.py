"""The rows of the report, on the terminal and in `docs/benchmarks.md`."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

BEGIN = "<!-- bench: begin (written by `make bench`, do not edit) -->"
END = "<!-- bench: end -->"
PREAMBLE = """# Benchmarks

Measured by `make bench`; `python -m scripts.bench --write` puts the figures here.

"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; without a target it is there to compare with."""

    what: str
    measured: str
    target: str = ""
    passed: bool | None = None

    @property
    def verdict(self) -> str:
        """pass, MISSED, or nothing for a row without a target."""
        return "" if self.passed is None else "pass" if self.passed else "MISSED"


@dataclass(slots=True)
class Section:
    """One of the measurements: its rows, how they were taken, and what was skipped and why."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, measured: str, target: str = "", passed: bool | None = None) -> None:
        """Append a row."""
        self.rows.append(Row(what, measured, target, passed))

    def at_most(self, what: str, value: float, limit: float, unit: str) -> None:
        """Append a row that passes when the value does not exceed the limit."""
        self.add(what, f"{value:.3g}{unit}", f"<= {limit:g}{unit}", value <= limit)

    def at_least(self, what: str, value: float, limit: float, unit: str) -> None:
        """Append a row that passes when the value reaches the limit."""
        self.add(what, f"{value:.3g}{unit}", f">= {limit:g}{unit}", value >= limit)


def terminal(sections: Sequence[Section]) -> str:
    """The report as aligned text."""
    rows = [row for section in sections for row in section.rows]
    wide = max((len(row.what) for row in rows), default=0)
    measured = max((len(row.measured) for row in rows), default=0)
    target = max((len(row.target) for row in rows), default=0)
    lines = []
    for section in sections:
        lines += ["", section.title]
        for row in section.rows:
            cells = f"  {row.what:<{wide}}  {row.measured:>{measured}}  {row.target:>{target}}  {row.verdict}"
            lines.append(cells.rstrip())
        lines += [f"  ({note})" for note in section.notes]
    verdicts = [row.passed for row in rows if row.passed is not None]
    lines += ["", f"{sum(verdicts)} of {len(verdicts)} targets met"]
    return "\n".join(lines)


def markdown(sections: Sequence[Section], facts: Sequence[tuple[str, str]]) -> str:
    """The report as Markdown, with the facts of the machine in front."""
    lines = ["| machine | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)]
    for section in sections:
        lines += ["", f"## {section.title}", "", "| what | measured | target | |", "|---|---|---|---|"]
        lines += [f"| {row.what} | {row.measured} | {row.target} | {row.verdict} |" for row in section.rows]
        lines += [""] if section.notes else []
        lines += [f"- {note}" for note in section.notes]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Put the text between the markers of a file and leave the rest; make the file if there is none."""
    old = path.read_text(encoding="utf-8") if path.exists() else PREAMBLE
    if BEGIN in old and END in old:
        before, after = old.split(BEGIN, 1)[0], old.split(END, 1)[1]
    else:
        before, after = old.rstrip("\n") + "\n\n", "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


def machine_facts(repeats: int, count: int) -> list[tuple[str, str]]:
    """What the figures depend on."""
    packages = (
        "apache-airflow",
        "apache-airflow-task-sdk",
        "airflow-workflow-provider",
        "dag-factory",
        "airflow-blueprint",
    )
    return [
        ("date", datetime.date.today().isoformat()),
        ("CPU", f"{_cpu_model()}, {os.cpu_count()} cores"),
        ("load average at the end", " ".join(f"{load:.1f}" for load in os.getloadavg())),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        *((name, _version(name)) for name in packages),
        ("size", f"{count} definitions, median of {repeats} repeats"),
    ]


def _cpu_model() -> str:
    """The model name as the kernel gives it, or the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed (from the source tree, or skipped)"
