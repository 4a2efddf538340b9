"""Errors that a running workflow raises. Each says in one sentence what is wrong and what to do."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException


class WorkflowException(AirflowException):
    """Base of all errors of this provider."""


class VariableError(WorkflowException):
    """A variable has no value, or one that its type cannot hold."""


class ConditionError(WorkflowException):
    """An ``if:`` could not be evaluated."""
