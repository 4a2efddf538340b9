"""Files of exported definitions: which there are to be, and writing all of them or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_workflow_provider.cli.console import CommandError
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.store.records import StoredDefinition


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that is to have that content."""

    path: Path
    content: bytes


def planned_files(definitions: Iterable[StoredDefinition], directory: Path) -> list[ExportedFile]:
    """A file for each definition, and the .sql files beside them at the paths that they name."""
    found: dict[Path, tuple[str, bytes]] = {}
    for definition in definitions:
        version = definition.version
        own = f"{version.kind.value} '{version.name}'"
        texts = {f"{version.name}.{version.kind.value}.{definition.source.format}": definition.source.text}
        texts |= {_inside(path, own): text for path, text in definition.source.files.items()}
        for relative, text in texts.items():
            path, content = directory / relative, text.encode()
            other, there = found.setdefault(path, (own, content))
            if there != content:
                raise CommandError(
                    f"{other} and {own} have different files '{relative}'; export them to different directories"
                )
    return [ExportedFile(path, content) for path, (_, content) in sorted(found.items())]


def _inside(path: str, owner: str) -> str:
    """A path that leads nowhere else: the store's contents are not trusted with files outside of the directory."""
    normal = Path(os.path.normpath(path))
    if normal.is_absolute() or os.pardir in normal.parts or "\0" in path or normal.suffix != ".sql":
        raise CommandError(f"{owner} names the file '{path}', which is not a .sql file beside it; it is not exported")
    return str(normal)


def write_files(files: Sequence[ExportedFile], *, force: bool) -> set[Path]:
    """Write those that are not there with that content, and return them; ``CommandError``: nothing was written.

    Contents are written beside their places first and then moved there: no file is ever half there.
    """
    try:
        there = {file.path: _content(file.path) for file in files}
        wanted = [file for file in files if there[file.path] != file.content]
        different = [str(file.path) for file in wanted if there[file.path] is not None]
        if different and not force:
            raise CommandError(
                f"there with another content: {quoted_list(different)}; nothing was written; "
                "add --force to overwrite, or choose another --directory"
            )
        _write_all(wanted)
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        raise CommandError(f"the files cannot be written: {place}{error.strerror or error}") from None
    return {file.path for file in wanted}


def _write_all(files: Sequence[ExportedFile]) -> None:
    staged: list[tuple[str, Path]] = []
    try:
        for file in files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            staged.append((_stage(file), file.path))
        while staged:
            temporary, path = staged[0]
            os.replace(temporary, path)  # noqa: PTH105 - two plain paths
            staged.pop(0)
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)


def _stage(file: ExportedFile) -> str:
    descriptor, temporary = tempfile.mkstemp(prefix=".export-", suffix=".tmp", dir=file.path.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(file.content)
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
