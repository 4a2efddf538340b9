"""Secrets are recognised as programs write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.log import mask_logs

from airflow_workflow_provider.operators import secrets
from airflow_workflow_provider.operators.secrets import holds_secret, read_secret, without_secrets

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
