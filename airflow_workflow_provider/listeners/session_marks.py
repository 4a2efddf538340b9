"""What is noted on database sessions, for listeners that are called within them."""

from __future__ import annotations

from typing import Final

STOPPING: Final = "airflow_workflow_provider.stopping"
"""Runs are being stopped in this session: what it does is known."""
