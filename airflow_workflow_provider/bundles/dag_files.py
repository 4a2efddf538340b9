"""The text of a DAG file: the definition as people wrote it, and a call that makes the DAG of it.

Whatever the definition, its author or its message hold, in the file it is nothing but string literals.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.bundles.facts import Facts
from airflow_workflow_provider.store.records import Source

# Nothing of a definition may stand here: Python looks for an encoding in the first two lines.
_HEAD: Final = """\
# An Airflow DAG from the workflow store, written by airflow-workflow-provider: publish a new version to change it.
from airflow_workflow_provider.dags.stored_dag import stored_dag
"""
_CALL: Final = "dag = stored_dag(__file__, WORKFLOW, FORMAT, DEFINITION, FILES, PACKAGES)\n"

_PLAIN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.\-]{0,99}")
_LOOKS_HASHED: Final = re.compile(r"\.[0-9a-f]{32}")


def dag_file_name(name: str) -> str:
    """The file of a workflow: no two workflows share one, not even where upper and lower case are the same.

    Names that are no plain lower-case words keep what can be read of them, with a hash of all of it.
    """
    if _PLAIN_NAME.fullmatch(name) and not _LOOKS_HASHED.search(name):
        return f"{name}.py"
    readable = re.sub(r"[^a-z0-9_]", "_", name.lower())[:60]
    return f"{readable}.{hashlib.sha256(name.encode()).hexdigest()[:32]}.py"


def dag_file_text(facts: Facts, source: Source, packages: Mapping[str, Source]) -> str:
    """The text of a workflow's DAG file."""
    given = {
        name: {"format": package.format, "text": package.text, "files": dict(package.files)}
        for name, package in sorted(packages.items())
    }
    constants = {
        "DEFINITION": source.text,
        "FORMAT": source.format,
        "FILES": dict(sorted(source.files.items())),
        "PACKAGES": given,
        "WORKFLOW": dict(facts),
    }
    blocks = [f"{name} = {_literal(value)}\n" for name, value in constants.items()]
    return "\n".join([_HEAD, *blocks, _CALL])


def read_dag_file(text: str) -> dict[str, Any]:
    """The constants of a DAG file; ``ValueError`` if it is none. Nothing in it is run."""
    try:
        statements = ast.parse(text).body
        return {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in statements
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id.isupper()
        }
    except SyntaxError as error:
        raise ValueError(f"not a DAG file: {error}") from None


def sources_in(constants: Mapping[str, Any]) -> Iterator[Source]:
    """The definition and the packages of a DAG file, from its constants."""
    yield Source(constants["DEFINITION"], constants["FORMAT"], constants["FILES"])
    for package in constants["PACKAGES"].values():
        yield Source(**package)


def _literal(value: object, indent: str = "") -> str:
    if isinstance(value, str):
        return _string(value, indent)
    if isinstance(value, Mapping):
        inner = indent + "    "
        items = "".join(f"{inner}{key!r}: {_literal(each, inner)},\n" for key, each in value.items())
        return f"{{\n{items}{indent}}}" if items else "{}"
    return repr(value)


def _string(text: str, indent: str) -> str:
    """As it was written wherever that is safe; else escaped, line by line."""
    if "\n" not in text:
        return repr(text)
    shown_as_is = text.replace("\n", "").replace("\t", "").isprintable()
    if shown_as_is and '"""' not in text and not text.endswith(('"', "\\")):
        return f'r"""{text}"""' if "\\" in text else f'"""\\\n{text}"""'
    lines = "".join(f"{indent}    {line!r}\n" for line in text.splitlines(keepends=True))
    return f"(\n{lines}{indent})"
