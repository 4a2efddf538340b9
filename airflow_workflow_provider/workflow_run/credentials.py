"""User name and password, or a token: where they come from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

from airflow_workflow_provider.workflow_run.exits import UsageError


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or a token; ``source`` names where the token came from. Never printed."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    source: str = ""


def read_credentials(
    username: str | None, password_env: str | None, token_env: str | None, environment: Mapping[str, str]
) -> Credentials:
    """What the environment holds, or somebody at a terminal answers; ``UsageError`` where nothing is."""
    if token_env is not None:
        token = _from(environment, token_env, "--token-env")
        if not token.isascii() or not token.isprintable():
            raise UsageError(f"--token-env: what {token_env} holds is no token")
        return Credentials(token=token, source=token_env)
    if password_env is not None:
        password = _from(environment, password_env, "--password-env")
        try:
            password.encode()
        except UnicodeEncodeError:
            raise UsageError(f"--password-env: what {password_env} holds is no text in the system's encoding") from None
        return Credentials(username, password)
    if not is_terminal(sys.stdin):
        raise UsageError("there is no terminal to ask for the password; give --password-env or --token-env")
    from getpass import getpass

    return Credentials(username, getpass(f"Password of {username}: ", sys.stderr))


def is_terminal(stream: TextIO | None) -> bool:
    """Windows has programs without streams."""
    return stream is not None and stream.isatty()


def _from(environment: Mapping[str, str], name: str, option: str) -> str:
    value = environment.get(name, "").strip("\r\n")
    if not value:
        raise UsageError(f"{option}: the environment variable {name} is not set or empty")
    return value
