"""The page that explains a run: what it shows is text, whatever it holds."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.explain.explanation import RunExplanation
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.plugins.run_page import CONTENT_SECURITY_POLICY, error_page, run_page
from airflow_workflow_provider.plugins.run_view import EXTERNAL_VIEW, FASTAPI_APP
from tests.explain.runs import plan_of, record
from tests.installed import ROOT

HOSTILE = "<script>alert(1)</script>\"'"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"
TEXT = "workflow: w\nvariables: {x: a}\ndefaults: {connection: db}\ntasks: {a: {sql: 'SELECT :x'}}"


@pytest.fixture
def run(tmp_path: Path) -> RunExplanation:
    given = record(tasks={"a": "success"}, conf={"x": HOSTILE, HOSTILE: 1}, note=HOSTILE, run_id=HOSTILE, user=HOSTILE)
    return explain_run(plan_of(tmp_path, TEXT), given)


def test_no_text_of_a_run_becomes_markup(run: RunExplanation) -> None:
    every: dict[str, Any] = {each.name: HOSTILE for each in fields(run) if isinstance(getattr(run, each.name), str)}
    everywhere = replace(
        run,
        **every,
        broken=(HOSTILE,),
        tasks=tuple(replace(task, name=HOSTILE, status=HOSTILE, state=HOSTILE, reason=HOSTILE) for task in run.tasks),
    )
    for page in (run_page(run), run_page(everywhere), error_page(404, HOSTILE)):
        assert "<script" not in page
        assert SHOWN in page
        assert 'alert(1)</script>"' not in page


def test_the_policy_allows_the_style_of_the_page_and_nothing_else(run: RunExplanation) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", run_page(run), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "url(" not in style
    assert "@import" not in style


def test_the_view_leads_to_the_application() -> None:
    prefix = str(FASTAPI_APP["url_prefix"]).lstrip("/")
    assert EXTERNAL_VIEW["href"] == f"{prefix}/explain/{{DAG_ID}}/{{RUN_ID}}", "relative, as Airflow may have a path"
    assert EXTERNAL_VIEW["destination"] == "dag_run"


def test_the_plugin_brings_nothing_heavy_to_processes_that_serve_no_page() -> None:
    """Every process of Airflow loads plugins, each worker among them."""
    probe = """
import sys
import airflow.plugins_manager
before = set(sys.modules)
import airflow_workflow_provider.plugins.workflow_plugin
print(*sorted(set(sys.modules) - before))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "airflow_workflow_provider.plugins.run_view" in loaded
    heavy = ("airflow.api_fastapi", "airflow_workflow_provider.explain", "fastapi", "jinja2", "sqlalchemy", "starlette")
    assert not [name for name in loaded for each in heavy if name == each or name.startswith(f"{each}.")]
