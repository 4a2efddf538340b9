"""DAGs that Airflow has from elsewhere: a workflow of the store that bears the name of one would take turns with it.

Each parse of either would make the DAG its own. A file of a DAG folder is code, so its DAG keeps the name, also while
the file is broken for a moment.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from airflow_workflow_provider.bundles.layout import Layout
from airflow_workflow_provider.bundles.shards import relative_path
from airflow_workflow_provider.private_files import read_private, replace_private
from airflow_workflow_provider.store.policy import own_bundles

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class OtherDag(NamedTuple):
    """Where a DAG comes from; ``is_gone`` if it is not there at the moment, ``is_broken`` if its file has an error."""

    place: str
    is_gone: bool
    is_broken: bool


def dags_of_others(session: Session) -> dict[str, OtherDag]:
    """The DAGs that Airflow knows from bundles in its configuration that are none of a store, by name."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.errors import ParseImportError
    from sqlalchemy import and_, select

    own = [str(each["name"]) for each in own_bundles()]
    is_its_file = and_(
        ParseImportError.bundle_name == DagModel.bundle_name, ParseImportError.filename == DagModel.relative_fileloc
    )
    query = (
        select(DagModel.dag_id, DagModel.bundle_name, DagModel.relative_fileloc, DagModel.is_stale, ParseImportError.id)
        .join(DagBundleModel, DagBundleModel.name == DagModel.bundle_name)
        .outerjoin(ParseImportError, is_its_file)
        .where(DagBundleModel.active.is_not(False), DagModel.bundle_name.not_in(own))
    )
    return {
        name: OtherDag(f"from {file} of bundle '{bundle}'", bool(is_stale), error is not None)
        for name, bundle, file, is_stale, error in session.execute(query)
    }


def give_way(layout: Layout, others: dict[str, OtherDag]) -> list[str]:
    """Note for the DAG files of the release in use which names are another's; the DAG files for which that is new."""
    taken = {
        name: other.place
        for name, other in others.items()
        if (other.is_broken or not other.is_gone) and os.path.exists(os.path.join(layout.tracking, relative_path(name)))
    }
    before = _noted(layout)
    if taken != before:
        replace_private(layout.taken, json.dumps(taken).encode())
    return [relative_path(name) for name in taken.keys() ^ before.keys()]


def taken_by(layout: Layout, name: str) -> str | None:
    """Where the DAG comes from that has the name of a workflow; ``None`` if the name is the workflow's."""
    return _noted(layout).get(name)


def _noted(layout: Layout) -> dict[str, str]:
    with suppress(OSError, ValueError):
        noted = json.loads(read_private(layout.taken))
        return noted if isinstance(noted, dict) else {}
    return {}
