"""Plans of definitions that have not changed, kept on disk as Python keeps its bytecode.

A plan names the classes that run, and no rule looks at it again: only this user reads and writes it, and one that
somebody else could have written is made anew. Where nothing can be written nothing is kept.
(``PYTHONDONTWRITEBYTECODE``, which container images set to stay small, says nothing about
them.) Plans of a folder's definitions are kept together (``plan_pack``), those of the store one by one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.compiler.plan_json import load_plan
from airflow_workflow_provider.definitions.library import FileStamp, file_stamp
from airflow_workflow_provider.private_files import NotPrivateError, read_private, replace_private

log = logging.getLogger(__name__)


def load_from(place: str, key: str) -> tuple[Plan, str] | None:
    """The plan in a file that ``store_in`` wrote for the same ``key``, also as JSON."""
    header, _, plan_json = content_of(place).partition(b"\n")
    return plan_of(header, plan_json, key)


def store_in(place: str, key: str, plan_json: str) -> None:
    """Keep a plan's JSON in a file, if that can be done; ``key`` stands for all that it was made from."""
    with suppress(OSError):
        replace_private(place, f"{header_of(key)}\n{plan_json}".encode())


def content_of(place: str) -> bytes:
    """What is kept in a file: nothing if there is none, or if somebody else could have written it."""
    try:
        return read_private(place)
    except NotPrivateError as error:
        _say(str(error))
    except OSError:
        pass
    return b""


@cache
def _say(problem: str) -> None:
    """Once in a process."""
    log.warning("plans are not read but made anew: %s", problem)


def header_of(key: str, files: Sequence[FileStamp] = ()) -> str:
    """One line that tells later whether a plan is that of what is there then.

    ``files`` are those that it was made from, as they were before they were read; ``key`` stands for all else.
    """
    return json.dumps({"code": _code(), "key": key, "files": [_facts(file) for file in files]})


def plan_of(header: bytes, plan_json: bytes, key: str) -> tuple[Plan, str] | None:
    """A plan that was kept, also as JSON, if it was made by this code and from what is there now."""
    try:
        made_from = json.loads(header)
        if made_from["code"] != _code() or made_from["key"] != key:
            return None
        if any(_facts(file_stamp(seen[0])) != seen for seen in made_from["files"]):
            return None
        text = plan_json.decode()
        return load_plan(text), text
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):  # damaged
        return None


def _facts(file: FileStamp) -> list[str | int]:
    return [file.path, file.modified_ns, file.changed_ns, file.size]


@cache
def _code() -> str:
    """A fingerprint of the code that reads and compiles: a plan of other code is not used."""
    root = Path(__file__).parent.parent
    files = sorted(path for folder in ("definitions", "compiler") for path in (root / folder).rglob("*.py"))
    stamps = [file_stamp(str(file)) for file in files]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
