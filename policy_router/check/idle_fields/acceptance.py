"""Checks of answers that every answer passes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.acceptance import AcceptShape
    from policy_router.language.source import Path


def of_accept(accept: AcceptShape, path: Path) -> Iterator[IdleField]:
    """Yield checks of answers that check nothing.

    Args:
        accept: The checks.
        path: Where they are in the policy.
    """
    if matches_everything(accept.pattern):
        yield IdleField(
            (*path, "pattern"), "this pattern matches every text", "write what must be in it"
        )
    checks = accept.model_dump(exclude_none=True)
    otherwise = checks.pop("otherwise", None)
    least = checks.pop("min_chars", None)
    if not any(value is not False for value in checks.values()) and not least:
        what = "`otherwise` applies to answers that fail a check, and" if otherwise else "here"
        yield IdleField(path, f"{what} nothing is checked", "add a check, such as  not_empty: true")
    elif least == 0:
        yield IdleField(
            (*path, "min_chars"), "every text has at least 0 characters", "leave it out"
        )


def matches_everything(pattern: str | None) -> bool:
    """Whether a pattern matches the empty text, so that it matches every text."""
    if not pattern or re.search(r"\^|\$|\\[AzZbB]", pattern):
        return False
    return search(pattern)("") is not None
