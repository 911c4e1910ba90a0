"""What is left of a budget or a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.domain.limits import ANYONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.limits import Counter, Limit, Reading


@dataclass(frozen=True, slots=True)
class RemainingAmount:
    """What one counter leaves.

    Attributes:
        name: Name of the budget or the limit.
        metric: What it counts: `usd`, `tokens`, `requests` or `concurrent`.
        window: The name of its window, such as `month`; empty for `concurrent`.
        subject: Whose count it is; None when all requests share it.
        used: Spent and reserved, in nano-USD for `usd`.
        cap: The most that fits, in the same unit; None without a cap.
        resets: Unix time at which its calendar period ends; None for other windows.
    """

    name: str
    metric: str
    window: str
    subject: str | None
    used: int
    cap: int | None
    resets: float | None

    @classmethod
    def of(cls, limit: Limit, subject: str, counter: Counter, reading: Reading) -> RemainingAmount:
        """Make the amount from the reading of a counter.

        Args:
            limit: The limit or budget, with the cap of the subject.
            subject: Who the counter counts for.
            counter: The window of the counter.
            reading: What the counter shows.
        """
        ends = counter.calendar and not counter.idle
        return cls(
            limit.name,
            limit.metric.value,
            str(limit.window or ""),
            None if subject == ANYONE else subject,
            reading.used,
            limit.cap,
            counter.end if ends else None,
        )

    @property
    def left(self) -> int | None:
        """What still fits, 0 when more was used than fits; None without a cap."""
        return None if self.cap is None else max(0, self.cap - self.used)

    @property
    def share(self) -> float:
        """The share of the cap that is left, 0..1; 1 without a cap."""
        return 1.0 if self.left is None or self.cap is None else self.left / max(self.cap, 1)


def fullest(found: Sequence[RemainingAmount]) -> RemainingAmount:
    """That of several of which the smallest share is left."""
    return min(found, key=lambda each: each.share)
