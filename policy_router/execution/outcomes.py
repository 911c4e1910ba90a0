"""The latest outcomes of a model's or a provider's calls, and whether they trip its breaker."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.domain.fallback import Cooldown

BUCKETS: Final = 10
"""Parts of the window, each with one count; the oldest part is dropped as a whole."""
_MOST: Final = 1_000
"""Failures in a row that are remembered, whatever the policy's threshold."""


class Outcomes:
    """The outcomes of one window. Not safe for threads by itself.

    Failures in a row recognize a service that is down, however many calls succeeded before. The
    share of failures in the window recognizes one that fails often; it needs many calls, because
    few calls fail together by chance.
    """

    __slots__ = ("_row", "_window")

    def __init__(self) -> None:
        self._row: deque[tuple[float, str]] = deque(maxlen=_MOST)
        self._window: deque[list[float]] = deque()  # [number of the part, calls, failures]

    def answered(self, now: float, rule: Cooldown) -> None:
        """Notes a call that succeeded."""
        if self._row:
            self._row.clear()
        self._part(now, rule)[1] += 1

    def failed(self, now: float, rule: Cooldown, who: str = "", several: int = 1) -> bool:
        """Notes a call that failed.

        Args:
            now: Unix time.
            rule: The thresholds of the policy.
            who: What failed, where the outcomes are of several models.
            several: How many different ones must have failed in a row.

        Returns:
            Whether the breaker is to open. Then everything is forgotten: it needs as many failures
            to open again.
        """
        self._row.append((now, who))
        part = self._part(now, rule)
        part[1] += 1
        part[2] += 1
        if not (self._in_a_row(now, rule, several) or (several == 1 and self._often(rule))):
            return False
        self._row.clear()
        self._window.clear()
        return True

    def _in_a_row(self, now: float, rule: Cooldown, several: int) -> bool:
        needed = min(rule.failures, _MOST)
        if len(self._row) < needed or self._row[-needed][0] <= now - rule.within:
            return False
        return several == 1 or len({who for _, who in self._row}) >= several

    def _often(self, rule: Cooldown) -> bool:
        calls = sum(part[1] for part in self._window)
        failures = sum(part[2] for part in self._window)
        return calls >= rule.volume and failures >= rule.share * calls

    def _part(self, now: float, rule: Cooldown) -> list[float]:
        """The part of the window that a moment lies in; older ones that passed are dropped."""
        number = now * BUCKETS // rule.within if rule.within else now
        window = self._window
        if window and window[-1][0] == number:
            return window[-1]
        while window and not number - BUCKETS < window[0][0] <= number:
            window.popleft()  # passed, or of a clock that was set back
        window.append([number, 0, 0])
        return window[-1]
