"""Results of the checks of an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that an answer failed, or that could not be made.

    Attributes:
        check: Its name in the policy.
        detail: Why, in at most 200 characters.
        by: The task or rule that requires it.
        fatal: Whether the policy prefers an error to an answer that failed it.
    """

    check: str
    detail: str
    by: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.check} ({self.by}): {self.detail}"
