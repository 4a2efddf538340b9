"""How an invocation can end, and the errors that lead there."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of ``workflow-run``; 1 stays free: Python ends with it after a defect of the program."""

    OK = 0
    USAGE = 2
    LOGIN = 3
    READINESS = 4
    EXECUTION = 5
    CONDITION = 6
    TIMEOUT = 7
    LOST_CONTACT = 8
    INTERRUPTED = 130

    @property
    def word(self) -> str:
        """The name in reports."""
        return self.name.lower()

    @property
    def meaning(self) -> str:
        """What it says, in one line."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "every workflow completed and every condition holds",
    ExitCode.USAGE: "wrong arguments; nothing was sent",
    ExitCode.LOGIN: "the server refused the login, cannot be reached, or no longer accepts the token",
    ExitCode.READINESS: "a workflow cannot be executed",
    ExitCode.EXECUTION: "a workflow failed or could not be started",
    ExitCode.CONDITION: "every workflow completed, but a condition does not hold",
    ExitCode.TIMEOUT: "--timeout has passed",
    ExitCode.LOST_CONTACT: "the server did not answer for --lost-contact-after",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}


class RunnerError(Exception):
    """Base of all errors of ``workflow-run``; the text is one sentence for the user."""


class UsageError(RunnerError):
    """Arguments that cannot be carried out."""


class LoginError(RunnerError):
    """The server does not accept the credentials, or is not one that can be logged in to."""


class RefusedError(RunnerError):
    """The server understood and said no; asking again would not help. ``status`` is the HTTP status.

    ``maybe_done``: what was asked for may have happened all the same.
    """

    def __init__(self, message: str, status: int = 0, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.maybe_done = maybe_done


class UnreachableError(RunnerError):
    """No answer, or one that says "later"; asking again may help, if the server says so after ``retry_after`` s."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NonsenseError(UnreachableError):
    """An answer that the server itself would not give: a proxy's error page, a login page."""


class TimedOutError(RunnerError):
    """The time for the whole invocation is used up."""


class LostContactError(RunnerError):
    """The server has been unreachable for too long."""
