"""What keeps a release of the store from being on this disk."""

from __future__ import annotations

from airflow_workflow_provider.store.errors import StoreError


class BundleError(StoreError):
    """A release cannot be put on this disk; the ones that are there stay as they are."""


class OtherStoreError(BundleError):
    """The folder holds releases of another store."""
