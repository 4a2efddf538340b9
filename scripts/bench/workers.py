"""A worker that starts one task of a folder of many workflows, beside a folder that holds only that one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench import definitions, fresh
from scripts.bench.report import Section

LIMIT = 1.2
TASK = "join"
METHOD = """\
The whole process, from its start through Airflow's imports and the task runner's own `parse()` (bundle, \
DAG file with the parsing context of this task, look-up of the task), to its end. The wanted workflow is \
the last of the folder. `read before`: the dag processor's caches are there; `never read`: they were \
removed before each start.\
"""


@dataclass(slots=True)
class Start:
    """One kind of start; the lists hold whole-process costs over the small and the large folder, in turn."""

    label: str
    form: str
    prefix: str
    cold: bool
    judged: bool
    small: Path = Path()
    large: Path = Path()
    alone: list[fresh.Cost] = field(default_factory=list)
    among: list[fresh.Cost] = field(default_factory=list)


def starts(ours: bool) -> Iterator[Start]:
    """The kinds of start: ours with targets, the others to compare with."""
    if ours:
        for prefix, stem in (("feed", "file named after its dag_id"), ("part", "file named otherwise")):
            yield Start(f"{stem}, read before", "ours", prefix, cold=False, judged=True)
            yield Start(f"{stem}, never read", "ours", prefix, cold=True, judged=True)
    yield Start("hand-written Python files", "handwritten", "feed", cold=False, judged=False)
    if fresh.installed("dagfactory"):
        yield Start("dag-factory", "dag_factory", "feed", cold=False, judged=False)
    if fresh.installed("blueprint"):
        yield Start("airflow-blueprint", "blueprint", "feed", cold=False, judged=False)


def measure(work: Path, env: dict[str, str], count: int, repeats: int, *, ours: bool) -> Section:
    """Start one task from both folders, `repeats` times in turn."""
    series = definitions.series(count)
    kinds = list(starts(ours))
    for number, kind in enumerate(kinds):
        home = work / f"start_{number}"
        kind.small = definitions.write_folder(home / "one", kind.form, series[-1:], prefix=kind.prefix)
        kind.large = definitions.write_folder(home / "many", kind.form, series, prefix=kind.prefix)
        for folder in (
            kind.small,
            kind.large,
        ):  # the dag processor has always read a folder before a worker does
            _read_before(folder, work / "warm_up", env)
    for repeat in range(repeats):
        for kind in kinds:
            if not kind.judged and repeat >= max(1, repeats // 2):
                continue  # the others' large folders take many seconds each
            order = [(kind.alone, kind.small), (kind.among, kind.large)]
            for costs, folder in order if repeat % 2 else reversed(order):
                costs.append(_start(kind, folder, series[-1], env))
            small, large = kind.alone[-1], kind.among[-1]
            fresh.progress(
                f"worker {repeat + 1}/{repeats}: {kind.label}: "
                f"CPU {small.cpu:.2f} -> {large.cpu:.2f} s, wall {small.wall:.2f} -> {large.wall:.2f} s"
            )
    return _report(kinds, count, ours=ours)


def _read_before(folder: Path, warm_up: Path, env: dict[str, str]) -> None:
    """Read the folder once as the dag processor does, so that caches are in place."""
    if not warm_up.exists():
        definitions.write_folder(warm_up, "handwritten", definitions.series(1))
    fresh.run(fresh.python("child_build.py", str(warm_up), str(folder)), env)


def _start(kind: Start, folder: Path, wanted: definitions.Definition, env: dict[str, str]) -> fresh.Cost:
    """One fresh process that does what a task process does before the task's own code."""
    if kind.cold:
        definitions.drop_caches(folder)
    file = f"{kind.prefix}_{wanted.number:04d}.py" if kind.form == "handwritten" else "loader.py"
    return fresh.run(fresh.python("child_worker.py", str(folder), file, wanted.dag_id, TASK), env)


def _report(kinds: list[Start], count: int, *, ours: bool) -> Section:
    """The ratio of CPU time and of wall time for every kind of start."""
    section = Section(f"A worker starting one task of a folder of {count} workflows, against a folder with one")
    for kind in kinds:
        cpu = fresh.median([many.cpu / one.cpu for one, many in zip(kind.alone, kind.among, strict=True)])
        wall = fresh.median([many.wall / one.wall for one, many in zip(kind.alone, kind.among, strict=True)])
        one = fresh.median([cost.found["parse_cpu"] for cost in kind.alone]) * 1000
        many = fresh.median([cost.found["parse_cpu"] for cost in kind.among]) * 1000
        if kind.judged:
            section.at_most(f"{kind.label}: CPU", cpu, LIMIT, "x")
            section.at_most(f"{kind.label}: wall", wall, LIMIT, "x")
        else:
            section.add(f"{kind.label}: CPU", f"{cpu:.3g}x")
        section.add(f"{kind.label}: of which parsing", f"{one:.0f} -> {many:.0f} ms CPU")
    section.notes.append(METHOD)
    if not ours:
        section.notes.append("Skipped: this provider (not importable).")
    return section
