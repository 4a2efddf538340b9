"""How a secret may look where this package, a driver or a filter has written it: each form is masked like it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_MYSQL: Final = str.maketrans(
    {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", '"': '\\"', "'": "\\'", "\\": "\\\\"}
)
_HTML_IN_JSON: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})


def _jinja_html(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _title(text: str) -> str:
    """As Jinja's ``title``, which begins a word at blanks, dashes and brackets only."""
    return "".join(part[:1].upper() + part[1:].lower() for part in re.split(r"([-\s({\[<]+)", text))


_FORMS: Final[tuple[Callable[[str], str], ...]] = (
    # Python: messages of exceptions, logs of lists and mappings.
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),  # beside both kinds of quotes
    # JSON: results, requests, `tojson`.
    _json,
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: _json(text).translate(_HTML_IN_JSON),
    # SQL literals, as drivers send them and databases repeat them in errors.
    lambda text: text.replace("'", "''"),
    lambda text: text.replace("\\", "\\\\").replace("'", "''"),
    lambda text: text.translate(_MYSQL),
    lambda text: text.translate(_MYSQL).replace('\\"', '"'),
    # Filters of templates.
    quote,
    lambda text: quote(text, safe=""),
    quote_plus,
    html.escape,
    _jinja_html,
    str.upper,
    str.lower,
    _title,
    str.capitalize,
    lambda text: text[::-1],
)


def forms(text: str, shortest: int) -> Iterator[str]:
    """A secret in every form that has ``shortest`` characters: itself, its lines (programs print line by line, and a
    key in PEM has many), and both as others write them.
    """
    for part in dict.fromkeys((text, text.strip(), *(line.strip() for line in text.splitlines()))):
        for form in dict.fromkeys((part, *(make(part) for make in _FORMS))):
            if len(form) >= shortest:
                yield form
