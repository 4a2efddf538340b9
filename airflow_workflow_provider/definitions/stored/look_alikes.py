"""Names that people take for one another: ``campaign`` in Latin and in Cyrillic letters, ``modern`` and ``modem``.

The tables hold what looks alike in the usual fonts, of Latin, Greek, Cyrillic and Armenian letters. Names of other
scripts are compared as they are, and what looks alike in one font only (``cl`` and ``d``) is not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

_TABLES: Final = (
    # Latin letters and digits that look like others, then the other scripts: capitals, small letters.
    ("01I|ıǀɡɑɩʋᴄᴏᴠᴡᴢꜱ", "Olllilgaivcovwzs"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺ", "ABEZHlKMNOPTYXCM"),
    ("αβγεηικμνορςστυχωϲϳ", "abyenikunopcotuxwcj"),
    ("АВЕЗКМНОРСТУХЬЅІЈҮҺӀԌԚԜ", "ABE3KMHOPCTYXbSlJYhlGQW"),
    ("авгезкмнопрстухьбѕіјһӏԁԛԝѵүґ", "abre3kmhonpctyxb6sijhldqwvyr"),
    ("ՍՏՕաեհղնոսցքօզյլ", "USOwehnunugpoqjl"),
)
_LETTERS: Final = {ord(one): other for table in _TABLES for one, other in zip(*table, strict=True)}
_GROUPS: Final = (("rn", "m"), ("vv", "w"))


def skeleton(name: str) -> str:
    """The same for names that look alike."""
    plain = unicodedata.normalize("NFKC", name).translate(_LETTERS)
    for letters, one in _GROUPS:
        plain = plain.replace(letters, one)
    return plain


def look_alike(name: str, others: Iterable[str]) -> str | None:
    """The first of the other names that looks like a name without being it."""
    wanted = skeleton(name)
    return next((other for other in others if other != name and skeleton(other) == wanted), None)
