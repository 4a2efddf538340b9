"""Notifier classes: which can be used, what they say by default, and that their failure stays their own."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import BaseNotifier

from airflow_workflow_provider.definitions.rules.notifier import TOLD
from airflow_workflow_provider.notifications.notifiers import anotify, make_notifier, notifier_problem, notify
from airflow_workflow_provider.notifications.told import Told, told
from tests.notifications.notifiers import AsyncFileNotifier, FailingNotifier, FileNotifier, NoNotifier

HERE = "tests.notifications.notifiers"


def about(event: str = "on_failure", failed: tuple[str, ...] = ("a",)) -> Told:
    return told(event, "w", "r/1", "failed", "it <broke>", tasks=["a", "b"], failed=failed)


def written(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_the_rule_says_is_what_is_told() -> None:
    assert sorted(TOLD) == sorted(Told.__annotations__) == sorted(about())


def test_links_survive_any_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    found = told("on_success", "w", "manual__2026-01-01T00:00:00+00:00/?#x", "success", "", tasks=["a-1"], failed=[])
    run = "https://airflow.example.com/team/dags/w/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00%2F%3F%23x"
    assert found["run_url"] == run
    assert found["task_urls"] == {"a-1": f"{run}/tasks/a-1"}


@pytest.mark.parametrize(
    ("cls", "arguments", "event", "problem"),
    [
        (FileNotifier, {"file": "x"}, "on_failure", None),
        (FileNotifier, {"file": "x"}, "on_late", None),
        (AsyncFileNotifier, {"file": "x"}, "on_late", None),
        (
            AsyncFileNotifier,
            {"file": "x"},
            "on_success",
            "AsyncFileNotifier has no 'notify', so it cannot tell of on_success",
        ),
        (BaseNotifier, {}, "on_late", "BaseNotifier has no 'notify', so it cannot tell of on_late"),
        (NoNotifier, {}, "on_failure", "'NoNotifier' is not a notifier class"),
        (print, {}, "on_failure", "'print' is not a notifier class"),
        (FileNotifier, {}, "on_failure", "FileNotifier refuses the arguments: .*'file'"),
        (FileNotifier, {"file": "x", "too": 1}, "on_failure", "FileNotifier refuses the arguments: .*'too'"),
    ],
)
def test_a_class_that_cannot_tell_is_refused_with_the_reason(
    cls: object, arguments: dict[str, Any], event: str, problem: str | None
) -> None:
    found = notifier_problem(cls, arguments, event)
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(problem, found), found


def test_a_text_that_is_not_given_says_what_happened(tmp_path: Path) -> None:
    assert notify(f"{HERE}.FileNotifier", {"file": str(tmp_path / "told")}, about(), {}, stored=False)
    (line,) = written(tmp_path / "told")
    urls = about()["task_urls"], about()["run_url"]
    assert line["text"] == f"w: failed\nit <broke>\nFailed: a {urls[0]['a']}\n{urls[1]}"


def test_a_given_text_is_filled_with_what_is_told(tmp_path: Path) -> None:
    text = "{{ event }}|{{ failed_tasks | join(',') }}|{{ run_id }}"
    assert notify(f"{HERE}.FileNotifier", {"file": str(tmp_path / "told"), "text": text}, about(), {}, stored=False)
    assert written(tmp_path / "told")[0]["text"] == "on_failure|a|r/1"


def test_templates_of_the_store_see_what_is_told_and_nothing_else(tmp_path: Path) -> None:
    """Whatever the notifier makes of its arguments: the context of Airflow is for its own code."""
    context = {"conn": {"prod": "secret"}, "dag_run": "secret"}

    def text_of(template: str) -> str | None:
        file = tmp_path / f"told{len(list(tmp_path.iterdir()))}"
        notify(f"{HERE}.FileNotifier", {"file": str(file), "text": template}, about(), context, stored=True)
        return written(file)[0]["text"] if file.exists() else None

    assert text_of("{{ workflow }}: {{ reason }}") == "w: it <broke>"
    assert text_of("{% for task in failed_tasks %}{{ task_urls[task] }}{% endfor %}") == about()["task_urls"]["a"]
    for template in (
        "{{ conn.prod }}",
        "{{ dag_run }}",
        "{% for conn in [conn.prod] %}{{ conn }}{% endfor %}",
        "{{ file }}",
    ):
        assert text_of(template) is None


def test_a_text_of_the_store_stays_small(tmp_path: Path) -> None:
    many = told("on_failure", "w", "r", "failed", "x" * 10_000, tasks=[f"t{n}" for n in range(1000)], failed=[])
    text = "{% for task in task_urls %}{{ reason }}{% endfor %}"
    assert not notify(f"{HERE}.FileNotifier", {"file": str(tmp_path / "a"), "text": text}, many, {}, stored=True)
    assert not (tmp_path / "a").exists()


def test_defaults_leave_alone_what_the_definition_says() -> None:
    given: Any = make_notifier(SmtpNotifier, {"to": "x", "subject": "S", "html_content": None})
    assert (given.subject, given.html_content) == ("S", None)


def test_a_template_file_of_the_mail_notifier_is_not_covered_up(tmp_path: Path) -> None:
    (tmp_path / "mail.html").write_text("own")
    made: Any = make_notifier(SmtpNotifier, {"to": "x", "template": str(tmp_path / "mail.html")})
    assert made.html_content == "own"


def test_html_is_escaped() -> None:
    made: Any = make_notifier(SmtpNotifier, {"to": "x"})
    made.render_template_fields({**about()})
    assert "it &lt;broke&gt;" in made.html_content
    assert made.subject == "w: failed"


def test_arguments_are_as_written_for_every_use() -> None:
    arguments: dict[str, Any] = {"to": ["{{ workflow }}"]}
    made: Any = make_notifier(SmtpNotifier, arguments)
    made.render_template_fields({**about()})
    made.to.append("x")
    assert arguments == {"to": ["{{ workflow }}"]}


@pytest.mark.parametrize(
    ("notifier", "arguments"),
    [
        (f"{HERE}.FailingNotifier", {}),
        (f"{HERE}.ExitingNotifier", {}),
        (f"{HERE}.AsyncExitingNotifier", {}),
        (f"{HERE}.Missing", {}),
        ("no.such.module.Notifier", {}),
        (f"{HERE}.FileNotifier", {}),
        (f"{HERE}.FileNotifier", {"file": "x", "text": "{{ 1 / 0 }}"}),
        (f"{HERE}.FileNotifier", {"file": "no/such/folder/x"}),
    ],
)
def test_a_failure_is_logged_and_goes_no_further(
    notifier: str, arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert not notify(notifier, arguments, about(), {}, stored=False)
    assert not asyncio.run(anotify(notifier, arguments, about(), {}, stored=False))
    assert [record.getMessage() for record in caplog.records if record.name.endswith("notifications.notifiers")] == [
        f"{notifier} could not tell of w r/1"
    ] * 2


def test_in_the_triggerer_either_kind_is_told(tmp_path: Path) -> None:
    for kind in (FileNotifier, AsyncFileNotifier):
        told_it = anotify(
            f"{HERE}.{kind.__name__}", {"file": str(tmp_path / "told")}, about("on_late"), {}, stored=False
        )
        assert asyncio.run(told_it)
    lines = written(tmp_path / "told")
    assert [line.get("async", False) for line in lines] == [False, True]
    assert {line["text"].partition("\n")[0] for line in lines} == {"w: late"}


def test_failing_notifier_fails() -> None:
    with pytest.raises(ConnectionError):
        FailingNotifier()({**about()})
