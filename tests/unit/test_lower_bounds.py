"""The lowest versions that are allowed have no hole that docs/adr/0001-dependencies.md knows."""

from __future__ import annotations

from packaging.version import Version

from scripts.lower_bounds import lower_bounds
from tests.docs.pages import ROOT


def safe_from() -> dict[str, str]:
    text = (ROOT / "docs" / "adr" / "0001-dependencies.md").read_text(encoding="utf-8")
    rows = text.partition("### Known holes")[2].partition("## Consequences")[0].splitlines()
    cells = [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in rows if row.startswith("| `")]
    return {name: version for name, version, _ in cells}


def test_no_bound_allows_a_version_with_a_known_hole() -> None:
    bounds = list(lower_bounds())
    assert len(bounds) > 25
    too_low = [
        (name, bound, safe)
        for name, bound in bounds
        if (safe := safe_from().get(name)) and Version(bound) < Version(safe)
    ]
    assert too_low == []
    assert set(safe_from()) <= {name for name, _ in bounds}
