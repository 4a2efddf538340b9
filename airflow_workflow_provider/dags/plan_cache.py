"""Plans of unchanged definitions, kept beside them in ``__pycache__`` as Python keeps its bytecode.

They are trusted as much as bytecode is: whoever can write there can write the definitions. ``PYTHONPYCACHEPREFIX``
moves them. Where the folder cannot be written nothing is kept. (``PYTHONDONTWRITEBYTECODE``, which container images
set to stay small, says nothing about them.)
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache
from pathlib import Path

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.compiler.plan_json import load_plan
from airflow_workflow_provider.definitions.library import FileStamp, file_stamp


def load(path: str, packages: str) -> tuple[Plan, str] | None:
    """The plan of the definition at ``path``, also as JSON, if nothing that went into it has changed since.

    ``packages`` is a fingerprint of the package files that the definition can see.
    """
    return load_from(_place(path), packages)


def load_from(place: str, packages: str) -> tuple[Plan, str] | None:
    """The plan in a file that ``store_in`` wrote for the same ``packages``."""
    try:
        with open(place, "rb") as file:
            header, _, plan = file.read().partition(b"\n")
        stamp = json.loads(header)
        if stamp["code"] != _code() or stamp["packages"] != packages:
            return None
        if any(astuple(file_stamp(seen[0])) != tuple(seen) for seen in stamp["files"]):
            return None
        return load_plan(plan), plan.decode()
    except (OSError, ValueError, TypeError, KeyError):
        return None


def store(path: str, packages: str, plan_json: str, files: Sequence[FileStamp]) -> None:
    """Keep a plan's JSON; ``files`` are those that it was made from, as they were before they were read."""
    store_in(_place(path), packages, plan_json, files)


def store_in(place: str, packages: str, plan_json: str, files: Sequence[FileStamp] = ()) -> None:
    """Keep a plan's JSON in a file; ``packages`` stands for all that it was made from besides ``files``."""
    header = json.dumps({"code": _code(), "packages": packages, "files": [astuple(file) for file in files]})
    unfinished = f"{place}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(header + "\n" + plan_json)
        os.replace(unfinished, place)
    except OSError:
        return


def _place(path: str) -> str:
    folder, name = os.path.split(path)
    if sys.pycache_prefix:
        folder = os.path.join(sys.pycache_prefix, os.path.abspath(folder).lstrip(os.sep))
        return f"{folder}{os.sep}{name}.plan"
    return f"{folder}{os.sep}__pycache__{os.sep}{name}.plan"


@cache
def _code() -> str:
    """A fingerprint of the code that reads and compiles: a plan of other code is not used."""
    root = Path(__file__).parent.parent
    files = sorted(path for folder in ("definitions", "compiler") for path in (root / folder).rglob("*.py"))
    stamps = [file_stamp(str(file)) for file in files]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
