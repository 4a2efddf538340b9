"""What a source may be, whoever hands it over: no larger than databases take, its files beside it and nowhere else."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import Final, get_args

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.definitions.files import MAX_BYTES
from airflow_workflow_provider.definitions.rules.stored_limits import MOST_TASKS
from airflow_workflow_provider.store.errors import InvalidTextError
from airflow_workflow_provider.store.records import Format, Source

_MIB: Final = 1024 * 1024
MOST_BYTES: Final = 8 * _MIB
"""Of a definition and its files together: more than that MariaDB takes in one statement only if told to."""
_LONGEST_PATH: Final = 250
_PATH: Final = re.compile(r"[^\s;\\:\x00-\x1f\x7f]+\.sql")


def require_keepable(source: Source) -> None:
    """``InvalidTextError`` for what no version and no draft can be."""
    if source.format not in get_args(Format):
        raise InvalidTextError(
            f"'{one_line(source.format, limit=50)}' is no format of definitions; they are yaml or json"
        )
    if len(source.files) > MOST_TASKS:
        raise InvalidTextError(
            f"a definition may have {MOST_TASKS} .sql files at most, this one has {len(source.files)}"
        )
    for path in source.files:
        if not _is_beside(path):
            raise InvalidTextError(
                f"'{one_line(path, limit=100)}' is not the path of a .sql file beside its definition or below it"
            )
    sizes = [_size(text) for text in (source.text, *source.files.values())]
    if max(sizes) > MAX_BYTES or sum(sizes) > MOST_BYTES:
        raise InvalidTextError(
            f"a definition of the store and each .sql file may have {MAX_BYTES // _MIB} MiB, and all together "
            f"{MOST_BYTES // _MIB} MiB; these have {sum(sizes) / _MIB:.1f} MiB; keep data out of them"
        )


def _is_beside(path: str) -> bool:
    plain = _PATH.fullmatch(path) is not None and len(path) <= _LONGEST_PATH and os.path.normpath(path) == path
    return plain and not PurePosixPath(path).is_absolute() and not path.startswith("..")


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
