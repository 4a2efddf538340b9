"""A workflow of the store becomes a DAG. What this file defines is called by DAG files that an earlier version of this
package may have written.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, get_parsing_context

from airflow_workflow_provider.bundles.facts import Facts, key_of
from airflow_workflow_provider.bundles.layout import Layout
from airflow_workflow_provider.bundles.taken_names import taken_by
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags import plan_cache
from airflow_workflow_provider.dags.broken import broken_dag
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, Origin, alone, built, collector_paused, fenced
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, one_line
from airflow_workflow_provider.store.policy import trust

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.document import Document
    from airflow_workflow_provider.definitions.reader import Reading
    from airflow_workflow_provider.definitions.stored.trust import Trust

log = logging.getLogger(__name__)

SHOWN_TEXT: Final = 20_000
"""Characters of a definition in the documentation of a DAG that has no DAG file of its own."""


def stored_dag(
    file: str,
    workflow: Facts,
    form: str,
    definition: str,
    files: Mapping[str, str],
    packages: Mapping[str, Mapping[str, Any]],
) -> DAG:
    """The DAG of a workflow, from what its DAG file holds. One with errors becomes a DAG that shows them."""
    stored = StoredWorkflow(file, workflow, form, definition, files, packages)
    with collector_paused():
        for_worker = get_parsing_context().dag_id == stored.name
        if not for_worker and (place := taken_by(_layout(file), stored.name)):
            return _without_name(stored, place)
        loaded = alone(stored.origin, stored.name, lambda: load_stored(stored, for_worker=for_worker))
    return loaded.dag or broken_dag(stored.name, loaded.diagnostics)


def _without_name(stored: StoredWorkflow, place: str) -> DAG:
    """A workflow whose name another DAG has; runs that it has begun go on."""
    message = (
        f"Airflow has a DAG '{stored.name}', {place}, which keeps the name; publish this workflow under another name, "
        "or remove that DAG"
    )
    found = Diagnostic(stored.file, 1, 1, "workflow", message, "dag_id_taken")
    return broken_dag(f"{stored.name}.stored", [found])


@dataclass(frozen=True)
class StoredWorkflow:
    """What a DAG file holds: facts of the version, its text and what it refers to.

    ``conn_id``: the store's connection, where the configuration does not name it.
    """

    path: str
    facts: Facts
    format: str
    text: str
    files: Mapping[str, str]
    packages: Mapping[str, Mapping[str, Any]]
    conn_id: str | None = None

    @property
    def trust(self) -> Trust:
        """What it may do."""
        return trust(*filter(None, [self.conn_id]))

    @property
    def name(self) -> str:
        """The workflow's name."""
        return str(self.facts["name"])

    @property
    def file(self) -> str:
        """What messages call its text."""
        return f"{self.name}/{self.facts['version']}.workflow.{self.format}"

    @cached_property
    def origin(self) -> Origin:
        """How its text is read."""
        return Origin(self.file, self.name, self.parse, self.read)

    def parse(self) -> Document:
        """The text as a document; ``DocumentError`` if it is none."""
        from airflow_workflow_provider.definitions.document import parse

        return parse(self.text, self.file)

    def read(self) -> Reading:
        """The definition, checked with all that it refers to and with what definitions of the store may do."""
        from airflow_workflow_provider.definitions.document import DocumentError
        from airflow_workflow_provider.definitions.given import GivenSources, given_package
        from airflow_workflow_provider.definitions.library import document_diagnostic
        from airflow_workflow_provider.definitions.reader import Reading, read_document

        packages = {
            name: given_package(name, package["text"], self._package_file(name, package["format"]))
            for name, package in self.packages.items()
        }
        try:
            document = self.parse()
        except DocumentError as error:
            return Reading(self.file, self.name, None, None, (document_diagnostic(error, self.file),))
        at = datetime.fromisoformat(self.facts["published_at"])
        return read_document(document, GivenSources(packages, self.files), self.trust, at)

    def _package_file(self, name: str, form: str) -> str:
        return f"{name}/{self.facts['packages'][name]['version']}.package.{form}"


def load_stored(stored: StoredWorkflow, *, for_worker: bool, with_text: bool = False) -> LoadedWorkflow:
    """Compile and build; a plan that has been made of the same, under the same rules, is taken from disk."""
    place, key = _plan_place(stored.path, key_of(stored.facts)), _plan_key(stored)
    planned = plan_cache.load_from(place, key)
    warnings: tuple[Diagnostic, ...] = ()
    if planned is None:
        reading, planned = _compile(stored, place, key)
        if planned is None:
            return stored.origin.broken(stored.name, reading.diagnostics)
        warnings = reading.diagnostics
    doc_md = None if for_worker else partial(_doc_md, stored, planned[0], with_text=with_text)
    return built(stored.origin, *planned, warnings, doc_md)


def _compile(stored: StoredWorkflow, place: str, key: str) -> tuple[Reading, tuple[Plan, str] | None]:
    """Read the definition and, unless it has errors, compile it and keep its plan."""
    # Not at the top: a worker that finds the plan needs no models and no YAML.
    from airflow_workflow_provider.compiler.compile import compile_to_json

    reading = _named(stored, stored.read())
    if reading.errors or reading.definition is None:
        return reading, None
    for warning in reading.diagnostics:
        log.warning("%s", warning)
    plan, plan_json = compile_to_json(reading.definition, str(stored.facts["version"]))
    if place:
        plan_cache.store_in(place, key, plan_json)
    return reading, (plan, plan_json)


def _named(stored: StoredWorkflow, reading: Reading) -> Reading:
    """With an error if the definition calls itself something else than the store does: it would be another's DAG."""
    if reading.name == stored.name:
        return reading
    message = f"the store has this definition as '{stored.name}'; publish it anew"
    found = Diagnostic(stored.file, 1, 1, "workflow", message, "workflow_name")
    return replace(reading, diagnostics=(*reading.diagnostics, found))


def _plan_place(path: str, key: str) -> str:
    """Beside the DAG file as all releases share it; nowhere if the file was copied elsewhere."""
    shared = _layout(path).object(key)
    return shared.removesuffix(".py") + ".plan" if os.path.exists(shared) else ""


def _layout(path: str) -> Layout:
    """The folder of releases that a DAG file is in."""
    shards = os.path.dirname(os.path.dirname(os.path.realpath(path)))
    return Layout(os.path.dirname(shards))


def _plan_key(stored: StoredWorkflow) -> str:
    """All that a plan is made from: the digests among the facts stand for the texts."""
    return f"{key_of(stored.facts)} {stored.trust!r}"


def _doc_md(stored: StoredWorkflow, plan: Plan, *, with_text: bool) -> str:
    """Who published the version, as plain text and first, so that a description cannot say it; the description."""
    parts = [_published(stored.facts), plan.description or ""]
    if with_text and len(stored.text) <= SHOWN_TEXT:
        parts.append(fenced(stored.text, stored.format))
    return "\n\n".join(part for part in parts if part)


def _published(facts: Facts) -> str:
    at = datetime.fromisoformat(facts["published_at"]).astimezone(timezone.utc)
    message = f": {_plain(facts['message'])}" if facts["message"].strip() else ""
    return f"Version {facts['version']}, published {at:%Y-%m-%d %H:%M} UTC by {_plain(facts['author'])}{message}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~:@&])", r"\\\1", one_line(" ".join(text.split()), limit=500))
