"""Prints what a client saw, one JSON object a line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = {"x-policy-router-tags": "secret"}
"""A header with which the policy denies a request."""


def report(**checks: Callable[[], object]) -> None:
    """Run each check and print its name with what it returned, or what it raised."""
    for name, check in checks.items():
        try:
            saw = check()
        except Exception as error:  # noqa: BLE001  the test wants to see every one
            saw = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps({"check": name, "saw": saw}) + "\n")
        sys.stdout.flush()


def status_of(call: Callable[[], object]) -> object:
    """The HTTP status of the error that a call raises, however the client wraps it."""
    try:
        return f"no error, but {call()!r}"
    except Exception as error:
        inner: BaseException | None = error
        while inner is not None:
            status = getattr(inner, "status_code", None)
            if status is not None:
                return status
            inner = inner.__cause__
        raise
