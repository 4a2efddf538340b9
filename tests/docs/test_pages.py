"""Links lead somewhere, the reference is whole and new, tables say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from airflow_workflow_provider.compiler.constraints import constrain
from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.json_schema import json_schema
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.semantics import interpret
from scripts.reference import COMMAND, EXAMPLES, PAGE, reference
from tests.docs.pages import LINKING_PAGES, PAGES, ROOT, page_name, prose, table

SEMANTICS = ROOT / "docs" / "semantics.md"
_LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
_REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|anaconda\.org|npmjs\.(?:org|com)|hub\.docker\.com|--(?:extra-)?index-url"
)
_ABSOLUTE = re.compile(r"(?<![\w.:/$}~])/(?:home|root|work|tmp|usr|var|opt|mnt|Users|srv)/")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(path: Path) -> Iterator[str]:
    for match in _LINK.finditer(prose(path)):
        yield match[1] or match[2]


@pytest.mark.parametrize("path", LINKING_PAGES, ids=page_name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in links(path):
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / unquote(name) if name else path
        assert target.exists(), f"{page_name(path)}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page_name(path)}: {link}: no such heading"


@pytest.mark.parametrize("path", LINKING_PAGES, ids=page_name)
def test_no_page_names_a_registry_or_somebodys_folder(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not _REGISTRIES.search(text)
    assert not _ABSOLUTE.search(text)


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent.name == "docs"], ids=page_name)
def test_the_readme_leads_to_every_page(path: Path) -> None:
    assert page_name(path) in set(links(ROOT / "README.md"))


def test_the_examples_tell_editors_where_the_schema_is() -> None:
    for path in (ROOT / "dags_example").rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith("# yaml-language-server: $schema="), path
        assert (path.parent / first.partition("$schema=")[2]).is_file(), f"{page_name(path)}: {first}: no such file"


def test_the_reference_is_new() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), f"docs/reference.md is stale: run `{COMMAND}`"


def properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every model of the two schemas with its keys."""
    for kind in ("workflow", "package"):
        schema = json_schema(kind)
        yield from ((kind.capitalize(), key, each) for key, each in schema["properties"].items())
        for name, model in schema["$defs"].items():
            yield from ((name, key, each) for key, each in model.get("properties", {}).items())


def test_the_reference_has_every_key_with_an_example() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for model, key, schema in properties():
        assert f"| `{key}` |" in text, f"{model}.{key} is missing"
        assert schema["description"].rstrip(".").replace("|", "\\|") in text, f"{model}.{key} is not explained"
        assert EXAMPLES.get((model, key)) or EXAMPLES.get(("*", key)), f"{model}.{key}: no example"


def test_the_examples_of_the_reference_fit_the_schema() -> None:
    from jsonschema import Draft202012Validator

    found = {(model, key): schema for model, key, schema in properties()}
    definitions = {**json_schema("package")["$defs"], **json_schema("workflow")["$defs"]}
    for (model, key), example in EXAMPLES.items():
        schemas = [each for (owner, name), each in found.items() if name == key and model in (owner, "*")]
        assert schemas, f"{model}.{key} is no key"
        value = parse(example, "example.yaml").data
        assert list(value) == [key], example
        for schema in schemas:
            Draft202012Validator({"$defs": definitions, **schema}).validate(value[key])


def words_of(words: str | list[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


@pytest.mark.parametrize("row", table(SEMANTICS.read_text(encoding="utf-8"), "Case"), ids=lambda row: row[0])
def test_a_worked_case_comes_out_as_the_page_says(row: list[str]) -> None:
    """Case, Edges, Constraint, What happens, Tasks, Strict, Handled."""
    _, edges, constraint, happens, tasks, strict, handled = (cell.replace("`", "") for cell in row)
    definition = yaml.safe_load(f"{{{edges}}}")
    sources = [source for each in definition.values() for source in each if source not in definition]
    graph: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = dict.fromkeys(sources, ("all", {}))
    for name, each in definition.items():
        graph[name] = (constraint or "all", {source: words_of(words) for source, words in each.items()})
    results = {}
    for part in filter(None, happens.split(", ")):
        name, verb = part.split(" ", 1)
        results[name] = {"fails": Outcome.FAILURE, "skips itself": Outcome.SKIPPED, "succeeds": Outcome.SUCCESS}[verb]
    expected = {}
    for part in tasks.split(", "):
        name, verb = part.split(" ", 1)
        expected[name] = verb
    assert set(expected) == set(definition)
    for mode, state in (("strict", strict), ("handled", handled)):
        meaning = interpret(graph, results, mode)
        ended = {name: "skipped" if task.outcome is Outcome.SKIPPED else "runs" for name, task in meaning.tasks.items()}
        assert {name: ended[name] for name in expected} == expected
        assert ("failed" if meaning.failed else "success") == state, mode


@pytest.mark.parametrize("row", table(SEMANTICS.read_text(encoding="utf-8"), "Edges accept"), ids=lambda row: row[0])
def test_an_edge_becomes_the_trigger_rule_that_the_page_says(row: list[str]) -> None:
    """Edges accept, all: rule, gates; any: rule, gates; of two sources ``a`` and ``b`` before ``t``."""
    words = tuple(row[0].replace("`", "").split(", "))
    for kind, rule, gates in (("all", row[1], row[2]), ("any", row[3], row[4])):
        made = constrain("t", kind, {"a": words, "b": words})
        assert f"`{made.wiring.rule.value}`" == rule
        assert ", ".join(f"`{gate.id}`" for gate in made.gates) == gates
