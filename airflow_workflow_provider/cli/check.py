"""Check definition files one after the other and keep what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_workflow_provider.cli.files import is_workflow, place, shown
from airflow_workflow_provider.cli.targets import Target
from airflow_workflow_provider.definitions.called_workflows import CallGraph, check_calls
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding, sort_key
from airflow_workflow_provider.definitions.document import DocumentError, parse, read_text
from airflow_workflow_provider.definitions.library import Library, definition_stem, load_root
from airflow_workflow_provider.definitions.reader import read_workflow


@dataclass(frozen=True, slots=True)
class _Named:
    """A workflow file that says its name; ``good``: it has no errors."""

    path: str
    name: str
    good: bool


class Checker:
    """Collects diagnostics. ``starts_airflow``: operators are imported and given their arguments."""

    def __init__(self, *, starts_airflow: bool) -> None:
        self._starts_airflow = starts_airflow
        self._found: set[Diagnostic] = set()
        self._named: dict[str, _Named] = {}
        self._load_roots: dict[Path, Path] = {}
        self._call_graphs: dict[Path, CallGraph] = {}

    def check(self, target: Target) -> None:
        """Check one file and, of a workflow, the packages that it calls."""
        if not is_workflow(target.path):
            self._add(target.library.package(target.path).diagnostics)
            return
        reading = read_workflow(target.path, target.library)
        diagnostics = [*reading.diagnostics]
        if reading.definition is not None and reading.document is not None:
            diagnostics += map(
                reading.document.diagnostic, check_calls(reading.definition, self._calls(target.library))
            )
        if self._starts_airflow and not reading.errors:
            from airflow_workflow_provider.cli.building import build_problems

            diagnostics += build_problems(reading)
        self._add(diagnostics)
        if reading.document is not None and isinstance(reading.document.data.get("workflow"), str):
            good = not any(diagnostic.is_error for diagnostic in diagnostics)
            self._named[place(target.path)] = _Named(target.path, reading.name, good)

    def _calls(self, library: Library) -> CallGraph:
        """Of all workflows that are loaded together with those of the library."""
        if library.root not in self._load_roots:
            self._load_roots[library.root] = load_root(library.root)
        root = self._load_roots[library.root]
        if root not in self._call_graphs:
            self._call_graphs[root] = library.calls if root == library.root else Library(root).calls
        return self._call_graphs[root]

    def check_names(self, paths: Sequence[str]) -> None:
        """Files of one folder must not share a workflow name: the loader could use one of them at most."""
        by_name: dict[str, list[_Named]] = {}
        for path in paths:
            named = self._named.get(place(path))
            if named is not None:
                by_name.setdefault(named.name, []).append(named)
        for same in by_name.values():
            if len(same) > 1:
                self._add(_duplicates(same))

    def diagnostics(self) -> list[Diagnostic]:
        """All that was found, by file and from top to bottom."""
        return sorted(self._found, key=lambda each: (sort_key(each), each.rule))

    def _add(self, diagnostics: Iterable[Diagnostic]) -> None:
        self._found.update(replace(each, file=shown(each.file)) for each in diagnostics)


def _duplicates(same: Sequence[_Named]) -> list[Diagnostic]:
    """As the loader decides: the only good file is used, else the good one that bears the name, else none."""
    good = [each for each in same if each.good]
    winner = good[0] if len(good) == 1 else next((each for each in good if _bears_name(each)), None)
    found = []
    for each in same:
        if each is winner:
            continue
        others = " and ".join(shown(other.path) for other in same if other is not each)
        used = f"{shown(winner.path)} is used" if winner else "none of them is used"
        message = f"workflow '{each.name}' is also defined in {others}; {used}; rename one of them"
        found.append(_diagnostic(each.path, Finding(("workflow",), message, "duplicate_workflow")))
    return found


def _bears_name(named: _Named) -> bool:
    return definition_stem(named.path) == named.name


def _diagnostic(path: str, finding: Finding) -> Diagnostic:
    try:
        document = parse(read_text(Path(path)), path)
    except DocumentError:  # changed between two looks
        return Diagnostic(path, 1, 1, "workflow", finding.message, finding.rule)
    return document.diagnostic(finding)
