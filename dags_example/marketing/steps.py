"""The steps of the example packages, on whatever database the connection ``marketing_db`` names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

CONNECTION = "marketing_db"


class Database:
    """One transaction on the campaign database; ``?`` stands for a parameter whatever the driver calls it."""

    def __init__(self, cursor: Any, placeholder: str) -> None:
        self._cursor = cursor
        self._placeholder = placeholder

    def change(self, sql: str, *parameters: Any) -> int:
        """Run a statement and return how many rows it changed."""
        self._cursor.execute(sql.replace("?", self._placeholder), parameters)
        return int(self._cursor.rowcount)

    def rows(self, sql: str, *parameters: Any) -> list[Sequence[Any]]:
        """Run a query and return all its rows."""
        self._cursor.execute(sql.replace("?", self._placeholder), parameters)
        return list(self._cursor.fetchall())


@contextmanager
def database() -> Iterator[Database]:
    """The campaign database; commits at the end, unless something was raised."""
    hook: DbApiHook = BaseHook.get_hook(CONNECTION)
    with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
        yield Database(cursor, hook.placeholder)
        connection.commit()


def prepare_engagement(campaign_id: int) -> int:
    """A row of engagement for each customer of the campaign's region who opted in; returns how many."""
    with database() as db:
        db.change("DELETE FROM engagement WHERE campaign_id = ?", campaign_id)
        prepared = db.change(
            "INSERT INTO engagement (campaign_id, customer_id, opened, clicked, revenue) "
            "SELECT c.id, u.id, 0, 0, 0 FROM campaigns c JOIN customers u ON u.region = c.region "
            "WHERE c.id = ? AND u.opted_in = 1",
            campaign_id,
        )
    if not prepared:
        raise AirflowFailException(f"campaign {campaign_id} has nobody to reach")
    return prepared


def update_banners(campaign_id: int, page: str, headline: str) -> int:
    """Put the headline on the page's banner in the campaign's region; returns how many banners changed."""
    with database() as db:
        changed = db.change(
            "UPDATE banners SET campaign_id = ?, headline = ? "
            "WHERE page = ? AND region = (SELECT region FROM campaigns WHERE id = ?)",
            campaign_id,
            headline,
            page,
            campaign_id,
        )
    if not changed:
        raise AirflowFailException(f"the CRM has no banner on page {page!r}")
    return changed


def warm_cache(campaign_id: int, segment: str, page: str) -> int:
    """Keep the page ready for the campaign's customers of one segment; returns for how many."""
    with database() as db:
        db.change("DELETE FROM page_cache WHERE campaign_id = ?", campaign_id)
        customers = db.rows(
            "SELECT u.id FROM engagement e JOIN customers u ON u.id = e.customer_id "
            "WHERE e.campaign_id = ? AND u.segment = ? ORDER BY u.id",
            campaign_id,
            segment,
        )
        for (customer_id,) in customers:
            db.change("INSERT INTO page_cache VALUES (?, ?, ?)", campaign_id, customer_id, page)
    return len(customers)


def send_notifications(campaign_id: int, channels: Sequence[str], limit: int) -> dict[str, int]:
    """Queue notifications, at most ``limit`` a channel and none twice; returns how many by channel."""
    return {channel: _send(campaign_id, channel, limit) for channel in channels}


def _send(campaign_id: int, channel: str, limit: int) -> int:
    with database() as db:
        waiting = db.rows(
            "SELECT e.customer_id FROM engagement e WHERE e.campaign_id = ? AND NOT EXISTS "
            "(SELECT 1 FROM notifications n WHERE n.campaign_id = e.campaign_id "
            "AND n.customer_id = e.customer_id AND n.channel = ?) ORDER BY e.customer_id",
            campaign_id,
            channel,
        )[:limit]
        for (customer_id,) in waiting:
            db.change("INSERT INTO notifications VALUES (?, ?, ?, 'queued')", campaign_id, customer_id, channel)
    return len(waiting)


def record_delivery(campaign_id: int, run_id: str) -> str:
    """Write down how many notifications of the campaign are queued."""
    with database() as db:
        counted = db.rows(
            "SELECT channel, COUNT(*) FROM notifications WHERE campaign_id = ? GROUP BY channel ORDER BY channel",
            campaign_id,
        )
        detail = ", ".join(f"{count} by {channel}" for channel, count in counted) or "none"
        _log(db, run_id, "record_delivery", campaign_id, "notifications queued", detail)
    return detail


def log_event(run_id: str, task: str, event: str) -> None:
    """Leave a line in the campaigns' log."""
    with database() as db:
        _log(db, run_id, task, None, event, None)


def _log(db: Database, run_id: str, task: str, campaign_id: int | None, event: str, detail: str | None) -> None:
    db.change("DELETE FROM campaign_events WHERE run_id = ? AND task = ?", run_id, task)
    db.change("INSERT INTO campaign_events VALUES (?, ?, ?, ?, ?)", run_id, task, campaign_id, event, detail)
