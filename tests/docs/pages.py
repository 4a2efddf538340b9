"""The pages of the documentation, taken apart: fenced blocks, links and tables.

An HTML comment directly above a block says what the block is when that does not show by itself:

    <!-- file: dags/load.sql -->             it is the content of that file
    <!-- file: dags/b.workflow.yaml, has errors -->   and the checks find something in it
    <!-- from: dags_example/x.yaml -->       its lines stand in that file of the repository, one after the other
    <!-- tasks -->                           it is what stands under `tasks:`
    <!-- output of: COMMAND -->              the command prints it
    <!-- skip: REASON -->                    it is not checked
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LINKING_PAGES = (
    *PAGES,
    *sorted((ROOT / "docs" / "adr").glob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "dags_example/README.md")),
)

_FENCE = re.compile(r"^( *)(```+)(\w*)\s*$")
_DIRECTIVE = re.compile(r"^<!-- (file|from|tasks|output of|skip)(?:: (.+?))? -->$")
_FRAGMENT = "workflow: fragment\ndefaults: {connection: example_db}\ntasks:\n"


@dataclass(frozen=True)
class Block:
    """A fenced block; ``directive`` and ``subject`` come from the comment above it."""

    page: str
    line: int
    language: str
    text: str
    directive: str = ""
    subject: str = ""

    @property
    def has_errors(self) -> bool:
        return self.subject.endswith(", has errors")

    @property
    def file(self) -> str | None:
        """Where in a workspace the block's text is put."""
        if self.directive == "file":
            return self.subject.removesuffix(", has errors")
        if self.directive == "tasks":
            return f"fragments/line_{self.line}.workflow.yaml"
        if self.language in ("yaml", "json") and not self.directive:
            data = yaml.safe_load(self.text)
            for kind in ("workflow", "package"):
                if isinstance(data, dict) and isinstance(data.get(kind), str):
                    return f"dags/{data[kind]}.{kind}.{self.language}"
        return None

    @property
    def content(self) -> str:
        """The text of that file."""
        if self.directive != "tasks":
            return self.text
        return _FRAGMENT + "".join(f"  {line}\n" if line else "\n" for line in self.text.splitlines())

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    above, opened, lines = "", None, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence), []
        elif opened is not None and fence and fence[2] == opened[1][2] and not fence[3]:
            directive = _DIRECTIVE.match(above)
            kind, subject = (directive[1], directive[2] or "") if directive else ("", "")
            text = "".join(f"{each[len(opened[1][1]) :]}\n" for each in lines)
            yield Block(page_name(path), opened[0], opened[1][3], text, kind, subject)
            opened, above = None, ""
        elif opened is not None:
            lines.append(line)
        elif line.strip():
            above = line.strip()
    assert opened is None, f"{path}: a block does not end: {opened}"


ALL_BLOCKS = tuple(block for path in PAGES for block in blocks(path))


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    kept, within = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if fence and not within:
            within = fence[2]
        elif fence and fence[2] == within and not fence[3]:
            within = ""
        elif not within:
            kept.append(line)
    return "\n".join(kept)


def sections(path: Path, level: int = 2) -> dict[str, str]:
    """The sections of a page by their headings, backquotes removed."""
    found: dict[str, str] = {}
    parts = re.split(rf"^#{{{level}}} (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        found[title.replace("`", "").strip()] = text
    return found


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the first table whose first heading is ``first``; cells without their outer blanks."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            if rows:
                break
        elif rows or cells[0] == first:
            rows.append(cells)
    assert rows, f"no table that begins with {first!r}"
    return rows[2:]


def workspace(path: Path, folder: Path) -> Path:
    """A folder as the reader of a page has it: the files that the page shows, and the examples."""
    for block in blocks(path):
        if block.file is not None:
            place = folder / block.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.content, encoding="utf-8")
    shutil.copytree(ROOT / "dags_example", folder / "dags_example", ignore=shutil.ignore_patterns("__pycache__"))
    return folder
