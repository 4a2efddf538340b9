"""Every definition that the documentation shows is one."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from configparser import ConfigParser
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

from airflow_workflow_provider import compile_workflow, read_workflow
from airflow_workflow_provider.compiler.graph import EdgeKind, graph_of
from airflow_workflow_provider.definitions.library import PACKAGE_SUFFIXES, WORKFLOW_SUFFIXES, read_package
from tests.docs.pages import ALL_BLOCKS, PAGES, ROOT, Block, page_name, workspace

DEFINITIONS = [block for block in ALL_BLOCKS if (block.file or "").endswith((*WORKFLOW_SUFFIXES, *PACKAGE_SUFFIXES))]
WORKFLOWS = [block for block in DEFINITIONS if (block.file or "").endswith(WORKFLOW_SUFFIXES)]
STRUCTURED = [block for block in ALL_BLOCKS if block.language in ("yaml", "json")]
LANGUAGES = {"console", "ini", "json", "mermaid", "python", "sh", "sql", "text", "yaml"}

Workspace = Callable[[str], Path]


@pytest.fixture(scope="module")
def workspace_of(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace of a page, made once."""
    paths = {page_name(path): path for path in PAGES}
    return cache(lambda page: workspace(paths[page], tmp_path_factory.mktemp("page")))


@pytest.mark.parametrize("block", STRUCTURED, ids=str)
def test_every_yaml_and_json_block_is_checked_or_says_why_not(block: Block) -> None:
    assert block.file or block.directive in ("from", "output of", "skip"), f"{block}: what is it? see pages.py"


@pytest.mark.parametrize("block", DEFINITIONS, ids=str)
def test_a_definition_is_without_errors_and_warnings(block: Block, workspace_of: Workspace) -> None:
    assert block.file is not None
    path = str(workspace_of(block.page) / block.file)
    found = read_workflow(path).diagnostics if path.endswith(WORKFLOW_SUFFIXES) else read_package(path).diagnostics
    if block.has_errors:
        assert found, f"{block}: nothing is wrong with it"
    else:
        assert not found, f"{block}:\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("block", [block for block in WORKFLOWS if not block.has_errors], ids=str)
def test_airflow_builds_the_dag_of_a_workflow(block: Block, workspace_of: Workspace) -> None:
    from airflow_workflow_provider.dags.builder import build_dag

    assert block.file is not None
    reading = read_workflow(str(workspace_of(block.page) / block.file))
    assert reading.definition is not None
    assert set(reading.definition.tasks) <= set(build_dag(compile_workflow(reading.definition)).task_dict)


@pytest.mark.parametrize("block", [block for block in ALL_BLOCKS if block.directive == "from"], ids=str)
def test_a_quotation_stands_in_its_file(block: Block) -> None:
    text = (ROOT / block.subject).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    quoted = [line.strip() for line in block.text.splitlines()]
    starts = range(len(lines) - len(quoted) + 1)
    assert any(lines[start : start + len(quoted)] == quoted for start in starts), f"{block}: not in {block.subject}"


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=str)
def test_a_block_names_its_language_and_can_be_read(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block}: {block.language!r}"
    if block.language == "python":
        ast.parse(block.text)
    if block.language == "json":
        json.loads(block.text)
    if block.language == "ini":
        read_settings(block)
    if block.directive == "skip":
        assert block.subject, f"{block}: say why it is not checked"


def read_settings(block: Block) -> None:
    """Lines of airflow.cfg: settings that exist, bundles whose classes exist and take what they are given."""
    from airflow.configuration import conf

    found = ConfigParser(interpolation=None)
    found.read_string(block.text)
    for section in found.sections():
        for option in found.options(section):
            assert conf.has_option(section, option), f"{block}: [{section}] {option}"
    bundles = found.get("dag_processor", "dag_bundle_config_list", fallback="[]")
    for bundle in json.loads(bundles):
        resolve_name(bundle["classpath"])(name=bundle["name"], **bundle["kwargs"])


def test_the_loader_of_the_readme_is_that_of_the_examples() -> None:
    shown = [block.text for block in ALL_BLOCKS if block.page == "README.md" and block.language == "python"]
    loader = ast.parse((ROOT / "dags_example" / "load_workflows.py").read_text(encoding="utf-8"))
    assert [ast.dump(ast.parse(text)) for text in shown] == [ast.dump(loader)]


def test_the_picture_shows_the_graph_of_its_definition(tmp_path: Path) -> None:
    """docs/images/workflow.svg holds the definition as text, and nodes and edges with their meaning as attributes."""
    picture = ElementTree.parse(ROOT / "docs" / "images" / "workflow.svg")
    elements = list(picture.iter())
    lines = ["".join(each.itertext()).replace("\u00a0", " ") for each in elements if each.get("class") == "line"]
    definition = "\n".join(lines) + "\n"
    for task in yaml.safe_load(definition)["tasks"].values():
        if "package" in task:
            package = f"package: {task['package']}\nrun: {{operator: package.module.Operator}}\n"
            (tmp_path / f"{task['package']}.package.yaml").write_text(package)
        elif task["sql"].endswith(".sql"):
            place = tmp_path / task["sql"]
            place.parent.mkdir(exist_ok=True)
            place.write_text("SELECT 1")
    path = tmp_path / "picture.workflow.yaml"
    path.write_text(definition)
    reading = read_workflow(str(path))
    assert not reading.diagnostics
    assert reading.definition is not None
    graph = graph_of(compile_workflow(reading.definition))
    edges = {(each.source, each.target, each.kind.value) for each in graph.edges if each.kind is not EdgeKind.DECIDED}
    drawn = {
        (str(each.get("data-source")), str(each.get("data-target")), str(each.get("class")))
        for each in elements
        if each.get("data-source") and each.get("class") != "decided"
    }
    assert {each.get("data-node") for each in elements if each.get("data-node")} == {each.id for each in graph.nodes}
    assert drawn == edges
