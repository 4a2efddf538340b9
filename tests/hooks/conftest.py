"""Both systems for the tests of the hooks."""

from __future__ import annotations

from tests.remote_systems import account, studio

__all__ = ["account", "studio"]
