"""Print the oldest version of every dependency that is allowed, as requirements: what ``make audit`` looks up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"
_REQUIREMENT: Final = re.compile(r"\"([A-Za-z0-9._-]+)>=([0-9][0-9.]*)")


def lower_bounds() -> Iterator[tuple[str, str]]:
    """Name and oldest version of every dependency and of those of the extras."""
    # Read as text: Python 3.10 has no TOML, and what is below the tools' first section requires nothing.
    text = PROJECT.read_text(encoding="utf-8").partition("\n[tool.")[0]
    yield from sorted({(found[1].lower(), found[2]) for found in _REQUIREMENT.finditer(text)})


if __name__ == "__main__":
    for name, version in lower_bounds():
        print(f"{name}=={version}")
