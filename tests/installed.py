"""The package's entry points as ``pyproject.toml`` declares them, also where an older installation knows others."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "airflow-workflow-provider"


def declared_entry_points() -> str:
    """The text of ``entry_points.txt`` of an installation of this checkout."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tables = re.findall(r'^\[project\.entry-points\."?([\w.]+)"?\]\n((?:\w+ = ".+"\n)+)', project, re.MULTILINE)
    assert tables
    return "\n".join(f"[{group}]\n" + lines.replace('"', "") for group, lines in tables)


def site_folder(folder: Path) -> list[Path]:
    """What has to stand on the path so that Airflow finds these entry points: nothing, if they are installed."""
    if _points(declared_entry_points()) <= _installed():
        return []
    info = folder / "site" / "airflow_workflow_provider-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(declared_entry_points())
    return [info.parent]


def _installed() -> set[str]:
    try:
        return _points(distribution(NAME).read_text("entry_points.txt") or "")
    except PackageNotFoundError:
        return set()


def _points(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}
