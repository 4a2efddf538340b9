"""Sources that are texts in memory: of definitions that come from no folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_workflow_provider.definitions.document import DocumentError, parse
from airflow_workflow_provider.definitions.library import FileStamp, PackageFile, document_diagnostic, package_of


@dataclass(frozen=True)
class GivenSources:
    """What one definition refers to: its packages, read, by name, and the texts of its files by relative path."""

    packages: Mapping[str, PackageFile] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    place: str = "the workflow store"

    def packages_for(self, file: str) -> dict[str, list[PackageFile]]:
        """All of them, whichever file asks."""
        return {name: [package] for name, package in self.packages.items()}

    def text_beside(self, file: str, relative: str) -> tuple[str, FileStamp | None]:
        """The text; it does not change, so there is no stamp."""
        text = self.files.get(os.path.normpath(relative))
        if text is None:
            raise DocumentError("there is no such file with this definition")
        return text, None


def given_package(name: str, text: str, file: str) -> PackageFile:
    """Read and check the text of a package; ``file`` is what messages call it. Never raises for what is in it."""
    try:
        document = parse(text, file)
    except DocumentError as error:
        return PackageFile(name, file, None, (document_diagnostic(error, file),))
    return package_of(document)
