"""What can go wrong with the store, each in one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_workflow_provider.definitions.diagnostics import Diagnostic


class StoreError(Exception):
    """Base of the store's errors; nothing of what was asked has been done."""


class StoreUnavailableError(StoreError):
    """The database does not answer."""


class StoreSchemaError(StoreError):
    """The database has no tables yet, or those of another version of this package."""


class NotFoundError(StoreError):
    """There is no such definition, version, release or draft."""


class InvalidTextError(StoreError):
    """A text that cannot be kept: too large, or of characters that databases or readers cannot take."""


class InvalidNameError(StoreError):
    """A name that no definition may bear."""


class ConflictError(StoreError):
    """Somebody else has saved or published in between."""


class NotPermittedError(StoreError):
    """Who asks may not do this."""


class InvalidDefinitionsError(StoreError):
    """Definitions with errors; ``diagnostics`` tells all of them with their places."""

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> InvalidDefinitionsError:
        """With a message that counts the errors, of which there is at least one, and tells the first."""
        errors = [each for each in diagnostics if each.is_error]
        count = f"{len(errors)} error{'s' * (len(errors) != 1)}"
        return cls(f"nothing was published: {count}; the first: {errors[0]}", diagnostics)
