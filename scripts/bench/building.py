"""Building DAGs: the provider, cold and warm, beside hand-written files, dag-factory and blueprint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.bench import definitions, fresh
from scripts.bench.report import Section

COLD_LIMIT, WARM_LIMIT = 1.6, 1.25  # times hand-written
COLD_GAIN, WARM_GAIN = 2.0, 2.5  # times faster than each of the tools

METHOD = """\
Each figure is from a fresh process that fills Airflow's `DagBag` from the folder: one Python file a DAG \
for the hand-written ones; for the others one loader beside one YAML file a DAG (`load_workflow_dags`, \
dag-factory's `load_yaml_dags` over the folder, blueprint's `build_all_airflow_dags` with its Jinja step \
off).
CPU time around the DagBag, user and system with children, after Airflow was imported and one hand-written \
DAG was loaded; less the same over an empty folder (with the tool's loader) in the same repeat. Logging is \
at WARNING, since the other tools log lines for every DAG. Ratios are medians of the ratios repeat by \
repeat.
Hand-written files keep their byte code between reads, as in production; the targets are against that.\
"""


@dataclass(slots=True)
class Case:
    """One way to build the definitions.

    `spent` gets the CPU seconds of every repeat, the empty folder's taken off.
    """

    name: str
    label: str
    form: str
    cold: bool
    folder: Path = Path()
    empty: Path = Path()
    spent: list[float] = field(default_factory=list)
    content: str = ""


def cases(ours: bool) -> list[Case]:
    """The cases whose tools are installed, in the order in which they are measured."""
    every = [
        Case("handwritten", "hand-written Python files", "handwritten", cold=False),
        Case("handwritten_cold", "hand-written, byte code removed", "handwritten", cold=True),
    ]
    if ours:
        every.append(Case("ours_cold", "this provider, cold", "ours", cold=True))
        every.append(Case("ours_warm", "this provider, unchanged files", "ours", cold=False))
    if fresh.installed("dagfactory"):
        every.append(Case("dag_factory", "dag-factory", "dag_factory", cold=False))
    if fresh.installed("blueprint"):
        every.append(Case("blueprint", "airflow-blueprint", "blueprint", cold=False))
    return every


def measure(work: Path, env: dict[str, str], count: int, repeats: int, *, ours: bool) -> Section:
    """Build `count` definitions with every tool, `repeats` times in turn, and compare the CPU time."""
    series = definitions.series(count)
    warm_up = definitions.write_folder(work / "warm_up", "handwritten", series[:1])
    running = cases(ours)
    for case in running:
        case.folder = definitions.write_folder(work / case.name, case.form, series)
        case.empty = definitions.write_folder(work / f"{case.name}_empty", case.form, [])
    for case in running:  # one read that does not count, so that warm cases find what an earlier read left
        case.content = _load(case, case.folder, warm_up, env, count)["content"]
        _load(case, case.empty, warm_up, env, 0)
    for repeat in range(repeats):
        turn = repeat % len(running)
        for case in running[turn:] + running[:turn]:
            nothing = float(_load(case, case.empty, warm_up, env, 0)["cpu"])
            everything = float(_load(case, case.folder, warm_up, env, count)["cpu"])
            case.spent.append(everything - nothing)
            each = (everything - nothing) / count * 1000
            fresh.progress(f"build {repeat + 1}/{repeats}: {case.label}: {each:.2f} ms a DAG")
    return _report({case.name: case for case in running}, count)


def _load(case: Case, folder: Path, warm_up: Path, env: dict[str, str], expected: int) -> dict[str, Any]:
    """Load a folder in a fresh process; raises ChildError when it does not hold the expected DAGs."""
    if case.cold:
        definitions.drop_caches(folder)
    found = fresh.run(fresh.python("child_build.py", str(warm_up), str(folder)), env).found
    if found["dags"] != expected or found["errors"]:
        raise fresh.ChildError(f"{case.label}: {found['dags']} of {expected} DAGs, errors: {found['errors']}")
    return found


def _report(by_name: dict[str, Case], count: int) -> Section:
    """Milliseconds a DAG for every case, then the ratios that have targets."""
    section = Section(f"Building {count} DAGs of {definitions.TASKS} tasks, CPU time")
    for case in by_name.values():
        section.add(f"{case.label}, a DAG", f"{fresh.median(case.spent) / count * 1000:.2f} ms")
    for name, limit, gain in (("ours_cold", COLD_LIMIT, COLD_GAIN), ("ours_warm", WARM_LIMIT, WARM_GAIN)):
        if name not in by_name:
            continue
        case = by_name[name]
        section.at_most(f"{case.label}: to hand-written", ratio(case, by_name["handwritten"]), limit, "x")
        for other in ("dag_factory", "blueprint"):
            if other in by_name:
                gained = ratio(by_name[other], case)
                section.at_least(f"{case.label}: faster than {by_name[other].label}", gained, gain, "x")
    if "ours_cold" in by_name:
        both_cold = ratio(by_name["ours_cold"], by_name["handwritten_cold"])
        section.add("this provider, cold: to hand-written without byte code", f"{both_cold:.3g}x")
    section.notes += _notes(by_name)
    return section


def ratio(one: Case, other: Case) -> float:
    """The median of the ratios repeat by repeat: a machine that slows down for a while hits both alike."""
    return fresh.median([a / b for a, b in zip(one.spent, other.spent, strict=True)])


def _notes(by_name: dict[str, Case]) -> list[str]:
    """How the figures were taken, and what is missing."""
    notes = [f"The same definitions for all: {definitions.TASK_MIX}.", *METHOD.split("\n")]
    notes += _missing(by_name)
    reference = by_name["handwritten"].content
    differing = [case.label for case in by_name.values() if case.content != reference]
    if differing:
        notes.append(f"Built something else than the hand-written files: {', '.join(differing)}.")
    else:
        notes.append("Checked: all built the same tasks, arguments, edges, trigger rules and schedules.")
    return notes


def _missing(by_name: dict[str, Case]) -> list[str]:
    """Which tools were not there to compare with."""
    wanted = {
        "ours_cold": "this provider (not importable)",
        "dag_factory": "dag-factory",
        "blueprint": "airflow-blueprint",
    }
    return [f"Skipped, not installed: {label}." for name, label in wanted.items() if name not in by_name]
