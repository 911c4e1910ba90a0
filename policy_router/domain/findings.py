"""What the checks found in an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that an answer did not pass, or that could not be made.

    check: its name in the policy. detail: why, at most 200 characters. by: the task or rule that
    asks for it. fatal: the policy wants an error rather than an answer that failed it.
    """

    check: str
    detail: str
    by: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.check} ({self.by}): {self.detail}"
