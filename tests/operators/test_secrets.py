"""Secrets are recognised as programs write them."""

from __future__ import annotations

import json
from collections import deque, namedtuple
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import jinja2
import psycopg2.extensions
import pymysql.converters
import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_logs
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mysql.connector.conversion import MySQLConverter

from airflow_workflow_provider.compiler.plan import PlannedVariable
from airflow_workflow_provider.operators import secrets
from airflow_workflow_provider.operators.secrets import holds_secret, read_secret, without_secrets
from airflow_workflow_provider.operators.workflow_task import values_of

KEY = "-----BEGIN KEY-----\nbQ4Hm1x7Pz\n  Yw82=/kT0c\n-----END KEY-----\n"
QUOTED = 'pass"w\u00f6rd\\'


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in {"KEY": KEY, "QUOTED": QUOTED, "SHORT": "abcdef", "LONG": "abcdefghij"}.items():
        monkeypatch.setenv(f"AIRFLOW_VAR_{name}", text)
    monkeypatch.setattr(secrets, "_mask_what_leaves_this_process", lambda: None)  # of the tests' own process
    yield
    secrets._read.clear()


def logged(text: str) -> str:
    event: Any = mask_logs(None, "info", {"event": text})
    return str(event["event"])


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("key", KEY),
        ("key", "bQ4Hm1x7Pz"),
        ("key", "the last line: Yw82=/kT0c"),
        ("key", '{"key": "-----BEGIN KEY-----\\nbQ4Hm1x7Pz\\n"}'),
        ("quoted", '{"password": "pass\\"w\\u00f6rd\\\\"}'),
        ("quoted", '{"password": "pass\\"w\u00f6rd\\\\"}'),
    ],
)
def test_a_secret_is_hidden_as_a_program_writes_it(key: str, written: str) -> None:
    assert read_secret(key) in (KEY, QUOTED)

    for hidden in (logged(written), str(without_secrets([written]))):
        assert "***" in hidden
        assert not [part for part in ("bQ4Hm", "Yw82", "pass", "rd") if part in hidden.replace("password", "")]


def test_a_secret_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    assert [read_secret("short"), read_secret("long")] == ["abcdef", "abcdefghij"]

    assert without_secrets("abcdefghij abcdef") == "*** ***"


def test_the_name_of_a_part_of_a_result_may_be_a_secret() -> None:
    read_secret("short")

    assert without_secrets({"abcdef": 1}) == {"***": 1}
    assert holds_secret({"by token": {"abcdef": 1}})


Row = namedtuple("Row", ["name", "token"])


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (Row("a", "abcdefghij"), Row("a", "***")),
        (frozenset({"abcdef"}), frozenset({"***"})),
        (deque(["abcdef"], maxlen=3), deque(["***"], maxlen=3)),
        (b"x abcdef y", b"x *** y"),
        (MappingProxyType({"k": ("abcdef",)}), {"k": ("***",)}),
        ({"deep": [{"abcdef": {1, "abcdef"}}]}, {"deep": [{"***": {1, "***"}}]}),
    ],
)
def test_results_of_every_shape_are_looked_through(value: Any, hidden: Any) -> None:
    read_secret("long")
    read_secret("short")
    assert holds_secret(value)
    assert without_secrets(value) == hidden
    assert type(without_secrets(value)) is type(hidden)


HOSTILE = st.text("aZ9'\"\\\n%&<> é$`\t", min_size=6, max_size=30).filter(lambda text: len(text.strip()) >= 6)
WRITERS: dict[str, Any] = {
    "repr": repr,
    "repr of a list": lambda text: str([text, {"k": text}]),
    "repr of bytes": lambda text: str(text.encode()),
    "json": json.dumps,
    "json with letters": lambda text: json.dumps(text, ensure_ascii=False),
    "tojson": lambda text: filled("{{ x | tojson }}", text),
    "urlencode": lambda text: filled("{{ x | urlencode }}", text),
    "escape": lambda text: filled("{{ x | e }}", text),
    "upper": lambda text: filled("{{ x | upper }}", text),
    "title": lambda text: filled("{{ x | title }}", text),
    "trim": lambda text: filled("{{ x | trim }}", text),
    "reverse": lambda text: filled("{{ x | reverse }}", text),
    "psycopg 2": lambda text: quoted_by_psycopg2(text),
    "pymysql": lambda text: pymysql.converters.escape_item(text, "utf8mb4"),
    "mysql-connector": lambda text: str(MySQLConverter().escape(text)),
    "SQL": lambda text: "'" + text.replace("'", "''") + "'",
}


def quoted_by_psycopg2(text: str) -> str:
    quoted: Any = psycopg2.extensions.adapt(text)
    quoted.encoding = "utf8"
    return str(quoted.getquoted().decode())


def filled(template: str, text: str) -> str:
    return jinja2.Environment().from_string(template).render(x=text)


@settings(phases=[Phase.explicit, Phase.generate])
@given(HOSTILE)
def test_no_form_that_drivers_and_filters_make_is_left_whole(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_VAR_HOSTILE", text)
        patch.setattr(secrets, "mask_secret", lambda _: None)  # Airflow's masker forgets nothing
        read_secret("hostile")
    try:
        for name, write in WRITERS.items():
            assert "***" in without_secrets(write(text)), name
    finally:
        secrets._read.clear()


def test_a_value_that_a_variable_cannot_hold_is_not_shown_if_it_has_a_secret_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = "".join(f"{number:03}x" for number in range(60))
    monkeypatch.setenv("AIRFLOW_VAR_TOKEN_OF_MANY_LETTERS", long)
    read_secret("token_of_many_letters")
    declared = {"n": PlannedVariable("n", type="integer")}
    with pytest.raises(AirflowFailException, match="variable 'n' cannot hold the value, which is not shown") as caught:
        values_of({"token": long}, {"n": "token"}, declared)
    assert long[:8] not in str(caught.value)
    with pytest.raises(AirflowFailException, match="cannot hold 'many'"):
        values_of({"token": "many"}, {"n": "token"}, declared)
