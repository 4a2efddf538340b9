"""Whatever way a disk came to a release: it is the one that is made from nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

from airflow_workflow_provider.bundles.sweeping import sweep
from airflow_workflow_provider.store.publishing import activate, archive
from airflow_workflow_provider.store.records import Kind
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import releases_in, tree
from tests.stores import ANN, RULES, bash_package, calling_workflow, new_store, put, sql_workflow

# Some of them share a shard.
NAMES = [f"w{number}" for number in range(40)]

STEPS = st.one_of(
    st.tuples(st.just("publish"), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1, max_size=8)),
    st.tuples(st.just("package"), st.integers(0, 3)),
    st.tuples(st.just("call"), st.sampled_from(NAMES)),
    st.tuples(st.just("archive"), st.sampled_from(NAMES)),
    st.tuples(st.just("back"), st.sampled_from(NAMES)),
)


def carry_out(store: WorkflowStore, step: tuple[str, object]) -> None:
    what, value = step
    if what == "publish":
        assert isinstance(value, dict)
        put(store, *(sql_workflow(name, f"SELECT {number}") for name, number in value.items()))
    elif what == "package":
        put(store, bash_package("p", f"echo {value}"))
    elif what == "call":
        put(store, calling_workflow(str(value), "p"))
    elif store.current(Kind.WORKFLOW, str(value)):
        if what == "archive":
            archive(store, Kind.WORKFLOW, [str(value)], ANN, "", RULES)
        else:
            activate(store, Kind.WORKFLOW, str(value), 1, ANN, "", RULES)


@settings(max_examples=15)
@given(steps=st.lists(STEPS, min_size=1, max_size=8), data=st.data())
def test_any_way_to_a_release_ends_in_the_same_folder(steps: list[tuple[str, object]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        store = new_store(URL.create("sqlite", database=str(folder / "workflows.db")))
        travelled = releases_in(folder / "travelled")
        put(store, bash_package("p"))
        for step in steps:
            carry_out(store, step)
            if data.draw(st.booleans(), label="follow"):
                travelled.follow(store, lambda: store)
        newest = store.newest_release().number
        for number in data.draw(st.lists(st.integers(0, newest), max_size=4), label="materialise"):
            travelled.materialise(lambda: store, number)
        sweep(travelled.layout)
        travelled.follow(store, lambda: store)
        for number in range(newest + 1):
            fresh = releases_in(folder / f"fresh{number}")
            fresh.materialise(lambda: store, number)
            travelled.materialise(lambda: store, number)
            expected = tree(folder / f"fresh{number}/versions/{number}")
            assert len(expected) == len(store.workflows_of(number))
            assert tree(folder / f"travelled/versions/{number}") == expected
        assert tree(folder / "travelled/tracking") == expected
