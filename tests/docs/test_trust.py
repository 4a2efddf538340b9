"""docs/trust.md: its settings are Airflow's, its definitions are allowed and refused as it says."""

from __future__ import annotations

from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.given import GivenSources
from airflow_workflow_provider.definitions.reader import Reading, read_document
from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.provider_info import CONFIG
from tests.docs.pages import ROOT, blocks, table

PAGE = ROOT / "docs" / "trust.md"
OPTIONS = CONFIG["workflows"]["options"]


def _patterns(name: str) -> tuple[str, ...]:
    return tuple(each for each in OPTIONS[f"allowed_{name}"]["default"].split(", ") if each)


DEFAULTS = Trust(_patterns("operators"), _patterns("connections"), _patterns("notifiers"), _patterns("secrets"))


def _read(name: str) -> Reading:
    (text,) = (block.text for block in blocks(PAGE) if block.text.startswith(f"workflow: {name}\n"))
    return read_document(parse(text, f"{name}.workflow.yaml"), GivenSources(), DEFAULTS)


def test_the_table_has_every_setting_with_its_default() -> None:
    rows = table(PAGE.read_text(encoding="utf-8"), "Setting of `[workflows]`")
    shown = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert shown == {name: option["default"] for name, option in OPTIONS.items()}


def test_what_is_shown_as_allowed_is() -> None:
    assert not _read("sales_report").diagnostics


def test_what_is_shown_as_refused_is_with_these_words() -> None:
    printed = [block.text for block in blocks(PAGE) if block.language == "text"]
    assert printed == ["".join(f"{each}\n" for each in _read("too_curious").diagnostics)]
