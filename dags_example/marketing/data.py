"""The example's data: the same on every machine for the same day, and on every database.

python dags_example/marketing/data.py campaigns.db      makes an SQLite file of it
"""

from __future__ import annotations

import random
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

SCHEMA = Path(__file__).resolve().parent.parent / "schema" / "marketing.sql"
REGIONS = ("EU", "US", "APAC")
CUSTOMER_REGIONS = ("EU", "EU", "EU", "US", "US", "APAC")
PAGES = ("home", "checkout", "newsletter")
SEGMENTS = ("new", "regular", "regular", "loyal")
CUSTOMERS = 360
FIRST_NAMES = ("Ada", "Ben", "Chloé", "Dario", "Elif", "Femi", "Grace", "Hiro", "Inés", "Jonas", "Kira", "Tomás")
LAST_NAMES = ("Abe", "Berg", "Costa", "Dubois", "Eze", "Fischer", "García", "Haddad", "Ito", "Müller", "O'Hara")
ROWS_PER_STATEMENT = 100

Row = tuple[Any, ...]
T = TypeVar("T")


class Chance:
    """The same chances with every Python version: only ``random()`` is promised to stay as it is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def of(self, probability: float) -> bool:
        """Whether something that probable happens."""
        return self._random() < probability

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, the limit."""
        return int(self._random() * limit)

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]


def install(connection: Any, today: date) -> None:
    """Create the tables and fill them, as seen from ``today``; ``connection`` is any DB-API connection."""
    with closing(connection.cursor()) as cursor:
        for statement in schema_statements():
            cursor.execute(statement)
        for table, rows in tables(today).items():
            for statement in insert_statements(table, rows):
                cursor.execute(statement)
    connection.commit()


def schema_statements() -> list[str]:
    """The statements of schema/marketing.sql."""
    text = re.sub(r"--.*", "", SCHEMA.read_text(encoding="utf-8"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def table_names() -> list[str]:
    """The tables, those that others refer to first."""
    return [match[1] for match in map(re.compile(r"CREATE TABLE (\w+)").match, schema_statements()) if match]


def tables(today: date) -> dict[str, list[Row]]:
    """The rows of every table that does not start empty."""
    customers = list(customer_rows(today))
    return {
        "campaigns": campaign_rows(today),
        "customers": customers,
        "banners": banner_rows(),
        "engagement": list(engagement_rows(customers)),
        "promotions": promotion_rows(today),
    }


def campaign_rows(today: date) -> list[Row]:
    """Launches today in EU and US, none in APAC; one campaign has ended in EU and one in APAC."""

    def campaign(id_: int, name: str, region: str, start: int, days: int, budget: str, status: str) -> Row:
        launch = today + timedelta(days=start)
        return (id_, name, region, launch, launch + timedelta(days=days), budget, status, None, None)

    return [
        campaign(1, "Autumn Clearance", "EU", -30, 25, "18000.00", "running"),
        campaign(2, "Winter Coats", "EU", 0, 21, "42500.50", "scheduled"),
        campaign(3, "Black Friday", "US", 0, 7, "99999.99", "scheduled"),
        campaign(4, "Lantern Festival", "APAC", -20, 14, "27000.00", "running"),
        campaign(5, "Lunar New Year", "APAC", 45, 15, "64000.00", "scheduled"),
        campaign(6, "Cyber Monday", "US", 3, 1, "75000.00", "scheduled"),
    ]


def customer_rows(today: date) -> Iterator[Row]:
    """Customers of all regions; about four in five want to hear of campaigns."""
    chance = Chance(20260101)
    for number in range(1, CUSTOMERS + 1):
        name = f"{chance.pick(FIRST_NAMES)} {chance.pick(LAST_NAMES)}"
        joined = today - timedelta(days=chance.below(1500))
        region, segment = chance.pick(CUSTOMER_REGIONS), chance.pick(SEGMENTS)
        yield (
            number,
            name,
            f"customer{number}@example.com",
            region,
            segment,
            int(chance.of(0.8)),
            joined,
            None,
        )


def banner_rows() -> list[Row]:
    """One banner for each page and region."""
    places = [(page, region) for page in PAGES for region in REGIONS]
    return [(number, page, region, "Welcome", None) for number, (page, region) in enumerate(places, start=1)]


def engagement_rows(customers: Sequence[Row]) -> Iterator[Row]:
    """What customers did with the two campaigns that have ended."""
    chance = Chance(20260202)
    for campaign_id, campaign_region in ((1, "EU"), (4, "APAC")):
        for customer_id, _, _, region, _, opted_in, *_ in customers:
            if region == campaign_region and opted_in:
                opened = chance.of(0.45)
                clicked = opened and chance.of(0.4)
                revenue = f"{5 + chance.below(17500) / 100:.2f}" if clicked and chance.of(0.5) else "0.00"
                yield (campaign_id, customer_id, int(opened), int(clicked), revenue)


def promotion_rows(today: date) -> list[Row]:
    """One is out, two are waiting, one is not ready."""
    return [
        (1, "Free shipping", "published", today - timedelta(days=12)),
        (2, "Two for one", "active", None),
        (3, "Student week", "active", None),
        (4, "Members' night", "draft", None),
    ]


def insert_statements(table: str, rows: Sequence[Row]) -> Iterator[str]:
    """INSERT statements with the values in them: drivers do not agree on placeholders."""
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        values = ", ".join(map(_values, rows[start : start + ROWS_PER_STATEMENT]))
        yield f"INSERT INTO {table} VALUES {values}"


def _values(row: Iterable[Any]) -> str:
    return f"({', '.join(map(_literal, row))})"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


if __name__ == "__main__":
    with closing(sqlite3.connect(sys.argv[1])) as file:
        install(file, datetime.now(timezone.utc).date())
