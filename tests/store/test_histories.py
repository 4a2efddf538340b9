"""Random histories of publishing against a model in memory: releases, and what is between any two of them."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.store.errors import StoreError
from airflow_workflow_provider.store.publishing import activate, archive
from airflow_workflow_provider.store.records import Kind, ReleasedWorkflow
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.stores import ANN, DATABASES, RULES, bash_package, calling_workflow, new_database, new_store, put

WORKFLOWS, PACKAGES = ("a", "b", "c"), ("p", "q")
Current = dict[tuple[Kind, str], int]


def step(store: WorkflowStore, chance: random.Random) -> None:
    """Publish, activate or archive something; what the store refuses changes nothing."""
    workflow, package = chance.choice(WORKFLOWS), chance.choice(PACKAGES)
    action = chance.choice(("package", "workflow", "both", "activate", "activate package", "archive"))
    try:
        if action == "package":
            put(store, bash_package(package, f"'true {chance.randrange(3)}'"))
        elif action == "workflow":
            put(store, calling_workflow(workflow, package))
        elif action == "both":
            put(store, bash_package(package, f"'true {chance.randrange(3)}'"), calling_workflow(workflow, package))
        elif action == "activate":
            activate(store, Kind.WORKFLOW, workflow, chance.randrange(1, 4), ANN, "", RULES)
        elif action == "activate package":
            activate(store, Kind.PACKAGE, package, chance.randrange(1, 4), ANN, "", RULES)
        else:
            archive(store, Kind.WORKFLOW, [workflow], ANN, "", RULES)
    except StoreError:
        pass


def currents(store: WorkflowStore) -> Current:
    return {(each.version.kind, each.version.name): each.version.number for each in store.definitions()}


def by_name(workflows: list[ReleasedWorkflow] | tuple[ReleasedWorkflow, ...]) -> dict[str, ReleasedWorkflow]:
    return {each.version.name: each for each in workflows}


def check_history(store: WorkflowStore, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    seen: dict[int, Current] = {0: {}}
    for _ in range(steps):
        step(store, chance)
        number = store.newest_release().number
        assert seen.setdefault(number, currents(store)) == currents(store), "a change makes a release"
    assert sorted(seen) == list(range(len(seen))), "no number is left out"
    sets = {}
    for number, expected in seen.items():
        assert {(each.kind, each.name): each.number for each in store.versions_of(number)} == expected
        sets[number] = by_name(store.workflows_of(number))
        for name, each in sets[number].items():
            assert each.version.number == expected[Kind.WORKFLOW, name]
            assert all(expected[Kind.PACKAGE, used.name] == used.number for used in each.packages.values())
    for base in seen:
        for number in seen:
            changes = store.changes(base, number)
            made = {name: each for name, each in sets[base].items() if name not in changes.removed}
            made |= by_name(changes.changed)
            assert made == sets[number]
            same = [each for each in changes.changed if sets[base].get(each.version.name) == each]
            assert same == [], "only what differs"


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_any_history(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, new_database("sqlite", Path(folder)) as url:
        check_history(new_store(url), seed, 12)


@pytest.mark.parametrize("kind", [kind for kind in DATABASES if kind != "sqlite"])
def test_a_long_history(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        check_history(new_store(url), 20261122, 25)
