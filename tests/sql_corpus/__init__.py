"""SQL scripts of the dialects, in which lines ``--|`` stand where one statement ends and the next begins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_CLIENT_LINE: Final = re.compile(r"\A\s*(?:GO|/|DELIMITER .*)\s*(?:\n|\Z)", re.IGNORECASE)

DIALECTS: Final = sorted(path.stem for path in _FOLDER.glob("*.sql"))


def script(dialect: str) -> str:
    """A script without the marks."""
    return _marked(dialect).replace("--|\n", "")


def pieces(dialect: str) -> list[str]:
    """The statements that a script holds, without what ends them."""
    found = []
    for piece in _marked(dialect).split("--|\n"):
        text = _CLIENT_LINE.sub("", piece).strip()
        if text:
            found.append(_without_end(text, dialect))
    return found


def _without_end(text: str, dialect: str) -> str:
    text = re.sub(r"(?://|\$\$)\Z", "", text) if dialect == "mysql_client" else text
    return text.rstrip("; \n")


def _marked(dialect: str) -> str:
    return (_FOLDER / f"{dialect}.sql").read_text(encoding="utf-8")
