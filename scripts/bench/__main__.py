"""`python -m scripts.bench`: measure, print the table, and with --write keep it in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.bench import building, fresh, report, validating, workers, workflow_run

PARTS = ("build", "worker", "validate", "starts", "workflow-run", "store")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 definitions and 3 repeats: a look, not a record")
    parser.add_argument("--count", type=int, help="definitions in a folder (1000)")
    parser.add_argument("--repeats", type=int, help="repeats of each measurement (5)")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def provider_there(env: dict[str, str]) -> bool:
    """Whether the provider's loader can be imported by the measured processes."""
    try:
        fresh.run([sys.executable, "-c", "from airflow_workflow_provider import load_workflow_dags"], env)
    except fresh.ChildError:
        return False
    return True


def count_starts(*, quick: bool) -> report.Section:
    """The part that reads plans in this process, if the compiler can be imported."""
    try:
        from scripts.bench import starts
    except ImportError as error:
        return report.Section(
            "Worker starts", notes=[f"Skipped: this provider's compiler is not importable ({error})."]
        )
    return starts.measure(quick=quick)


def measure_store(work: Path, env: dict[str, str], count: int, repeats: int) -> list[report.Section]:
    """The parts that need a database and an Airflow of their own."""
    from scripts.bench import bundling, storing

    return [
        storing.measure(work / "database", env, count, repeats),
        bundling.measure(work / "bundle", count, repeats),
    ]


def main() -> None:
    """Measure what was asked for. A missed target is printed, not an error."""
    options = arguments()
    count = options.count or (100 if options.quick else 1000)
    repeats = options.repeats or (3 if options.quick else 5)
    parts = options.only or PARTS
    with tempfile.TemporaryDirectory(prefix="workflow-bench-") as scratch:
        work = Path(scratch)
        env = fresh.environment(work / "home")
        ours = provider_there(env)
        code = fresh.provider_code()
        sections = []
        if "build" in parts:
            sections.append(building.measure(work / "build", env, count, repeats, ours=ours))
        if "worker" in parts:
            sections.append(workers.measure(work / "worker", env, count, repeats, ours=ours))
        if "validate" in parts:
            sections.append(validating.measure(work / "validate", env, count, repeats, ours=ours))
        if "starts" in parts:
            sections.append(count_starts(quick=options.quick))
        if "workflow-run" in parts:
            sections.append(workflow_run.measure(env, repeats))
        if "store" in parts:
            sections += measure_store(work / "store", env, options.count or (100 if options.quick else 10_000), repeats)
        if fresh.provider_code() != code:
            changed = "The provider's code changed during the run: its figures mix versions, warm ones may be cold."
            sections.append(report.Section("Not a record", notes=[changed]))
    print(report.terminal(sections))
    if options.write:
        path = fresh.ROOT / "docs" / "benchmarks.md"
        report.write(path, report.markdown(sections, report.machine_facts(repeats, count)))
        print(f"written: {path.relative_to(fresh.ROOT)}")


if __name__ == "__main__":
    main()
