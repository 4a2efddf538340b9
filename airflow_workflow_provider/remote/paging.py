"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow_workflow_provider.remote.calls import Answer, Flow, RemoteError

PAGE: Final = 100


def all_items(
    ask: Callable[[Mapping[str, int]], Flow[Answer]],
    identity: Callable[[Mapping[str, Any]], object],
    misread: str,
    items_in: Callable[[Any], Any] = lambda data: data,
) -> Flow[list[Mapping[str, Any]]]:
    """Every item of a list, page by page; one that moved to the next page meanwhile comes once.

    :param ask: asks for the page that a query tells
    :param identity: what no other item has
    :param misread: what to say of an answer that is no list
    :param items_in: the items in an answer's data
    """
    found: dict[object, Mapping[str, Any]] = {}
    offset = 0
    while True:
        answer = yield from ask({"offset": offset, "limit": PAGE})
        page = items_in(answer.data)
        if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
            raise RemoteError(misread)
        known = len(found)
        for item in page:
            found.setdefault(identity(item), item)
        offset += len(page)
        goes_on = len(page) == PAGE if answer.goes_on is None else answer.goes_on
        # A server that knows no offset tells the same page again.
        if not goes_on or len(found) == known:
            return list(found.values())
