"""Plans of definitions that have not changed, kept on disk as Python keeps its bytecode.

They are trusted as much as bytecode is: whoever can write there can write the definitions. Where that cannot be
written nothing is kept. (``PYTHONDONTWRITEBYTECODE``, which container images set to stay small, says nothing about
them.) Plans of a folder's definitions are kept together (``plan_pack``), those of the store one by one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.compiler.plan_json import load_plan
from airflow_workflow_provider.definitions.library import FileStamp, file_stamp


def load_from(place: str, key: str) -> tuple[Plan, str] | None:
    """The plan in a file that ``store_in`` wrote for the same ``key``, also as JSON."""
    try:
        with open(place, "rb") as file:
            header, _, plan_json = file.read().partition(b"\n")
    except OSError:
        return None
    return plan_of(header, plan_json, key)


def store_in(place: str, key: str, plan_json: str) -> None:
    """Keep a plan's JSON in a file; ``key`` stands for all that it was made from."""
    replace_file(place, f"{header_of(key)}\n{plan_json}".encode())


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


def replace_file(place: str, content: bytes) -> None:
    """Write a file as a whole: nobody ever sees a part of it. Nothing happens where that cannot be done."""
    unfinished = f"{place}.{os.getpid()}"
    try:
        write_file(unfinished, content, os.O_TRUNC)
        os.replace(unfinished, place)
    except OSError:
        with suppress(OSError):
            os.remove(unfinished)


def write_file(place: str, content: bytes, how: int) -> None:
    """Write to a file, ``how`` is ``O_TRUNC`` or ``O_APPEND``; ``OSError`` if not all of it could be written.

    In one system call, so that what several processes append does not mix.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how
    try:
        file = os.open(place, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        file = os.open(place, flags, 0o666)
    try:
        if os.write(file, content) != len(content):
            raise OSError(f"{place} could be written in part only")
    finally:
        os.close(file)


def _facts(file: FileStamp) -> list[str | int]:
    return [file.path, file.modified_ns, file.changed_ns, file.size]


@cache
def _code() -> str:
    """A fingerprint of the code that reads and compiles: a plan of other code is not used."""
    root = Path(__file__).parent.parent
    files = sorted(path for folder in ("definitions", "compiler") for path in (root / folder).rglob("*.py"))
    stamps = [file_stamp(str(file)) for file in files]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
