"""written_text: what YAML hands over other than it is seen: folded lines, comments that cut, quotes, lost digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, Severity
from airflow_workflow_provider.definitions.document import Document
from airflow_workflow_provider.definitions.models import Package, PackageTask, SqlTask, Variable
from airflow_workflow_provider.definitions.references import texts
from airflow_workflow_provider.definitions.sql_scan import Kind, Reading, SqlTextError, possible_readings, scan
from airflow_workflow_provider.definitions.written import Written, as_written

RULE: Final = "written_text"

CodeKind: TypeAlias = Literal["sql", "shell", "expression"]
_ARGUMENTS: Final[dict[str, CodeKind]] = {
    "bash_command": "shell",
    "command": "shell",
    "sql": "sql",
    "query": "sql",
    "hql": "sql",
}
_LITERAL: Final = "begin it with '|', which keeps the lines"
_SHELL_QUOTED: Final = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", re.DOTALL)
_SHELL_LINES: Final = re.compile(r"(?:^|[\s;])(#[^\n]*)\n\s*\S|(<<-?\s*\w+)[^\n]*\n")
_MANY_DIGITS: Final = 1000
_EMPTY_PAIR: Final = re.compile(r"(?<![\w'])''(?![\w'])")


def check(definition: Definition, document: Document) -> Iterator[Finding]:
    """Check the code of a workflow."""
    if not document.file.endswith(".json"):
        yield from _check(_workflow_code(definition), document)
        yield from _check_numbers(document, lambda location: _is_typed(definition, location))


def check_package(package: Package, document: Document) -> Iterator[Finding]:
    """Check the code of a package."""
    if not document.file.endswith(".json"):
        yield from _check(_argument_code(package.run.arguments, ("run", "arguments")), document)
        yield from _check_numbers(document, lambda location: _has_type(package.variables, location, 1))


def _workflow_code(definition: Definition) -> Iterator[tuple[Location, str, CodeKind]]:
    workflow = definition.workflow
    for name, task in (workflow.tasks or {}).items():
        if isinstance(task, SqlTask):
            for index, text in enumerate(task.sql):
                yield ("tasks", name, "sql", index), text, "sql"
        if task.if_ is not None:
            yield ("tasks", name, "if"), task.if_, "expression"
    for name, operator_task in definition.operator_tasks():
        yield from _argument_code(operator_task.arguments, ("tasks", name, "arguments"))
    for index, check_text in enumerate(workflow.expect.checks if workflow.expect else ()):
        yield ("expect", "checks", index), check_text, "expression"


def _argument_code(arguments: dict[str, Any], where: Location) -> Iterator[tuple[Location, str, CodeKind]]:
    for argument, kind in _ARGUMENTS.items():
        if argument in arguments:
            for place, text in texts(arguments[argument], (*where, argument)):
                yield place, text, kind


def _check(code: Iterator[tuple[Location, str, CodeKind]], document: Document) -> Iterator[Finding]:
    for where, text, kind in code:
        if not document.folded and not _may_be_cut(text, kind, document):
            continue
        node = document.scalar(where)
        if node is None:
            continue
        written = as_written(node, document.source)
        if written.folded:
            yield from _check_folded(written, text, kind, where)
        if written.comment:
            yield from _check_cut(written.comment, text, kind, where)
        if kind == "sql" and written.quote == "'" and _EMPTY_PAIR.search(document.source, *_span(node)):
            message = "in single quotes YAML makes one ' of each ''; if the SQL has '' of its own, begin it with '|'"
            yield Finding(where, message, RULE, Severity.WARNING)


def _span(node: Any) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _may_be_cut(text: str, kind: CodeKind, document: Document) -> bool:
    """Whether it is worth to look up how a text is written, which costs as much as reading the file again."""
    return (document.has_tight_comment and kind == "sql") or document.has_pairs or _is_open(text, kind)


def _check_folded(written: Written, text: str, kind: CodeKind, where: Location) -> Iterator[Finding]:
    seen = "\n".join(written.lines)
    if kind == "sql":
        comment = _swallowing_comment(seen, text)
        if comment is not None:
            message = f"YAML folds these lines into one, so that the comment {comment!r} swallows the SQL behind it"
            yield Finding(where, f"{message}; {_LITERAL}", RULE)
        elif _literals_differ(seen, text):
            message = "YAML folds these lines into one, the line breaks in a literal, too"
            yield Finding(where, f"{message}; {_LITERAL}", RULE, Severity.WARNING)
    elif kind == "shell":
        found = _SHELL_LINES.search(_SHELL_QUOTED.sub("_", seen))
        if found:
            what = (
                f"the comment {found[1]!r} swallows what stands behind it" if found[1] else f"'{found[2]}' has no end"
            )
            yield Finding(where, f"YAML folds these lines into one, so that {what}; {_LITERAL}", RULE)


def _check_cut(comment: str, text: str, kind: CodeKind, where: Location) -> Iterator[Finding]:
    tight = kind == "sql" and comment[1:2] not in ("", " ", "\t", "#")
    if tight or _is_open(text, kind):
        message = f"for YAML {comment!r} is a comment, which is cut off; put the text in quotes or {_LITERAL}"
        yield Finding(where, message, RULE)


def _is_open(text: str, kind: CodeKind) -> bool:
    """Whether a quote or bracket is open at the end."""
    if text.count("(") > text.count(")") or text.count("'") % 2 or text.count('"') % 2:
        return (
            kind != "sql" or _signature(text, possible_readings(text)[0]) is None or text.count("(") > text.count(")")
        )
    return False


def _swallowing_comment(seen: str, text: str) -> str | None:
    """The first comment that ends with its line as it is seen, and with the text as it is handed over."""
    hashes = [Reading(hash_comments=r"\s|\Z")] if "#" in seen else []
    for reading in [*possible_readings(seen), *hashes]:
        before, after = _signature(seen, reading), _signature(text, reading)
        if before is not None and (after is None or _squeezed(before) != _squeezed(after)):
            for token in scan(seen, reading):
                if token.kind is Kind.COMMENT and not seen.startswith("/*", token.start):
                    return seen[token.start : token.end].strip()
    return None


def _literals_differ(seen: str, text: str) -> bool:
    return all(
        (before := _signature(seen, reading)) is not None and before != _signature(text, reading)
        for reading in possible_readings(seen)
    )


def _signature(sql: str, reading: Reading) -> list[str] | None:
    """The SQL without comments, and with one space for each in plain code; ``None`` if it cannot be read."""
    parts: list[str] = []
    position = 0
    try:
        for token in scan(sql, reading):
            if token.kind in (Kind.QUOTED, Kind.COMMENT):
                parts += sql[position : token.start].split()
                if token.kind is Kind.QUOTED:
                    parts.append(sql[token.start : token.end])
                position = token.end
    except SqlTextError:
        return None
    return [*parts, *sql[position:].split()]


def _squeezed(parts: list[str]) -> list[str]:
    return ["".join(part.split()) for part in parts]


def _check_numbers(document: Document, is_typed: Callable[[Location], bool]) -> Iterator[Finding]:
    """Numbers of no declared type of which a number keeps fewer digits than are written."""
    for location, node in document.numbers() if document.has_lossy_number else ():
        kept = _kept(node)
        if kept != node.value and _is_value(location) and not is_typed(location):
            message = f"{node.value} without quotes is the number {kept}; if every digit counts, put it in quotes"
            yield Finding(location, message, RULE, Severity.WARNING)


def _kept(node: Any) -> str:
    text: str = node.value
    if node.tag.endswith(":int"):
        return str(int(text)) if len(text) < _MANY_DIGITS else text
    return text if "e" in text.lower() or text[-1] == "." or text.lstrip("+-")[0] == "." else repr(float(text))


def _is_value(location: Location) -> bool:
    return any(part in ("variables", "arguments") for part in location[:3])


def _is_typed(definition: Definition, location: Location) -> bool:
    variables = definition.workflow.variables
    if location[0] != "tasks":
        return _has_type(variables, location, location.index("variables") + 1 if "variables" in location else 1)
    task = (definition.workflow.tasks or {}).get(str(location[1]))
    if isinstance(task, PackageTask) and task.package in definition.packages:
        variables = definition.packages[task.package].variables
    return location[2] == "variables" and _has_type(variables, location, 3)


def _has_type(variables: Mapping[str, Variable], location: Location, at: int) -> bool:
    name = str(location[at]) if len(location) > at else ""
    return name in variables and variables[name].type is not None
