"""Errors that a running workflow raises. Each says in one sentence what is wrong and what to do."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException


class WorkflowException(AirflowException):
    """Base of all errors of this provider."""


class VariableError(WorkflowException):
    """A variable has no value, or one that its type cannot hold."""


class ConditionError(WorkflowException):
    """An ``if:`` could not be evaluated."""


class StatementError(WorkflowException):
    """A database refused a statement that held a secret: what it said, without what it repeated."""


class ConnectionFieldError(WorkflowException):
    """A connection lacks a field, or has one that makes no sense."""


class RemoteJobError(WorkflowException):
    """A job in another system failed, was stopped, or could not be started or watched."""


class SubWorkflowError(WorkflowException):
    """A workflow that a task runs failed, or could not be started."""
