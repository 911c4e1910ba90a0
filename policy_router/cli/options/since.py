"""How far back a command looks."""

from __future__ import annotations

import time
from typing import Annotated, TypeAlias

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.options.values import wrong
from policy_router.reports.age import seconds_back

Since: TypeAlias = Annotated[
    str,
    typer.Option("--since", metavar="AGE", help="How far back to look, such as 24h, 30d or 12w."),
]
"""The option of every command that looks back."""


def beginning(age: str) -> float:
    """Return the Unix time that lies an age ago, such as `30d`; end the command if wrong."""
    try:
        return time.time() - seconds_back(age)
    except UsageError as error:
        raise wrong("--since", str(error)) from None
