"""`python -m airflow_workflow_provider validate`: a thousand files, and one."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.bench import definitions, fresh
from scripts.bench.report import Section

EACH_LIMIT = 4.0  # milliseconds a file
ONE_LIMIT = 0.5  # seconds: "well under a second"


def measure(work: Path, env: dict[str, str], count: int, repeats: int, *, ours: bool) -> Section:
    """Validate a folder and a single file, `repeats` times in turn, without any cache."""
    section = Section(f"`validate` of {count} files and of one")
    if not ours:
        section.notes.append("Skipped: this provider (not importable).")
        return section
    folder = definitions.write_folder(work / "validate", "ours", definitions.series(count))
    single = folder / "feed_0000.workflow.yaml"
    many: list[fresh.Cost] = []
    one: list[fresh.Cost] = []
    for repeat in range(repeats):
        many.append(_validate(folder, folder, env))
        one.append(_validate(single, folder, env))
        fresh.progress(f"validate {repeat + 1}/{repeats}: {many[-1].cpu:.2f} s CPU, one file {one[-1].wall:.2f} s")
    section.at_most("CPU time a file", fresh.median([cost.cpu for cost in many]) / count * 1000, EACH_LIMIT, " ms")
    section.add("wall time a file", f"{fresh.median([cost.wall for cost in many]) / count * 1000:.3g} ms")
    section.at_most("one file, wall time", fresh.median([cost.wall for cost in one]), ONE_LIMIT, " s")
    section.add("one file, CPU time", f"{fresh.median([cost.cpu for cost in one]):.3g} s")
    section.notes.append("Whole processes, start included; caches removed before each.")
    return section


def _validate(path: Path, folder: Path, env: dict[str, str]) -> fresh.Cost:
    """One run of the command; raises ChildError when it finds the definitions wrong."""
    definitions.drop_caches(folder)
    return fresh.run([sys.executable, "-m", "airflow_workflow_provider", "validate", str(path)], env)
