"""The latest outcomes of a model's or a provider's calls, and whether they open its breaker."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.domain.fallback import Cooldown

BUCKETS: Final = 10
"""Parts of the window, each with one count; the oldest part is dropped as a whole."""
_MOST: Final = 1_000
"""Failures in a row that are remembered, whatever the policy's threshold."""


class FailedFor(Enum):
    """Whose calls failed so often that a breaker opens.

    Attributes:
        ONE: Those of one user alone.
        SEVERAL: Those of several users, or at least one that fails for every user.
    """

    ONE = "one"
    SEVERAL = "several"


class _Part:
    """A part of the window.

    Attributes:
        number: The number of the part.
        calls: How many calls there were.
        failures: How many of them failed.
        whose: Whose calls failed.
    """

    __slots__ = ("calls", "failures", "number", "whose")

    def __init__(self, number: float) -> None:
        self.number = number
        self.calls = self.failures = 0
        self.whose: set[str | None] = set()


class Outcomes:
    """The outcomes of one window. Not safe for threads by itself.

    Failures in a row recognize a service that is down, however many calls succeeded before. The
    share of failures in the window recognizes one that fails often; it needs many calls, because
    few calls fail together by chance.
    """

    __slots__ = ("_row", "_window")

    def __init__(self) -> None:
        self._row: deque[tuple[float, str | None]] = deque(maxlen=_MOST)
        self._window: deque[_Part] = deque()

    def answered(self, now: float, rule: Cooldown) -> None:
        """Notes a call that succeeded."""
        if self._row:
            self._row.clear()
        self._part(now, rule).calls += 1

    def failed(
        self, now: float, rule: Cooldown, whose: str | None = None, *, by_share: bool = True
    ) -> FailedFor | None:
        """Notes a call that failed.

        Args:
            now: Unix time.
            rule: The thresholds of the policy.
            whose: The user whose call it was; None where it would have failed for every user.
            by_share: Whether the share of failures counts as well as those in a row.

        Returns:
            For whom a breaker is to open; None for no one. Where that is for several, everything is
            forgotten: it needs as many failures to open again.
        """
        self._row.append((now, whose))
        part = self._part(now, rule)
        part.calls += 1
        part.failures += 1
        part.whose.add(whose)
        found = self._in_a_row(now, rule) or (self._often(rule) if by_share else None)
        if found is FailedFor.SEVERAL:
            self._row.clear()
            self._window.clear()
        return found

    def _in_a_row(self, now: float, rule: Cooldown) -> FailedFor | None:
        needed, since = min(rule.failures, _MOST), now - rule.within
        if len(self._row) < needed or self._row[-needed][0] <= since:
            return None
        return _spread({whose for time, whose in self._row if time > since})

    def _often(self, rule: Cooldown) -> FailedFor | None:
        calls = sum(part.calls for part in self._window)
        failures = sum(part.failures for part in self._window)
        if calls < rule.volume or failures < rule.share * calls:
            return None
        return _spread(set[str | None]().union(*(part.whose for part in self._window)))

    def _part(self, now: float, rule: Cooldown) -> _Part:
        """The part of the window that a moment lies in; older ones that passed are dropped."""
        number = now * BUCKETS // rule.within if rule.within else now
        window = self._window
        if window and window[-1].number == number:
            return window[-1]
        while window and not number - BUCKETS < window[0].number <= number:
            window.popleft()  # passed, or of a clock that was set back
        window.append(_Part(number))
        return window[-1]


def _spread(whose: set[str | None]) -> FailedFor:
    return FailedFor.ONE if len(whose) == 1 and None not in whose else FailedFor.SEVERAL
