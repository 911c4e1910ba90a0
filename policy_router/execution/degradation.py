"""Which models answer worse than usual, by the calls of this process.

Only policies with `fallback.degraded` are measured. The share of calls that succeed and the average
latency within `over` are compared with the policy's bounds; the latency with the model's own
average of the last days, which is kept by the hour. Both are kept in the memory of the process: a
new one judges a model once it has made enough calls of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.domain.fallback import Degraded
    from policy_router.domain.models import Model

_PARTS: Final = 10
"""Parts of the time that is measured; the oldest part is dropped as a whole."""
_HOUR: Final = 3600.0
_DAYS: Final = 72
"""Hours of which a model's own latency is the average."""


@dataclass(slots=True)
class _Sum:
    """Calls of one span of time.

    Attributes:
        number: The number of the span.
        calls: How many there were.
        answered: How many succeeded.
        seconds: How long those took together.
    """

    number: float
    calls: int = 0
    answered: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Degradations:
    """What is worse than usual at one moment.

    Attributes:
        last: Models that come after all others, each with the reason as text for people.
        skipped: Models that are not called, each with the Unix time until which.
    """

    last: Mapping[str, str]
    skipped: Mapping[str, float]


NOTHING: Final = Degradations({}, {})


class Degradation:
    """The latest calls of each model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = forks.lock()
        self._recent: dict[tuple[str, str], deque[_Sum]] = {}
        self._usual: dict[tuple[str, str], deque[_Sum]] = {}

    def note(self, model: Model, rule: Degraded, now: float, latency: float | None) -> None:
        """Notes a call that ended.

        Args:
            model: The model.
            rule: The bounds of the policy.
            now: Unix time.
            latency: Seconds to the first token of a stream, or to the whole answer; None when the
                call failed.
        """
        name = model.name, model.provider_model
        spans = (self._recent, rule.over / _PARTS, _PARTS), (self._usual, _HOUR, _DAYS)
        with self._lock:
            for kept, width, most in spans:
                sums = kept.setdefault(name, deque(maxlen=most))
                number = now // width
                if not sums or sums[-1].number != number:
                    sums.append(_Sum(number))
                sums[-1].calls += 1
                if latency is not None:
                    sums[-1].answered += 1
                    sums[-1].seconds += latency

    def look(self, models: Iterable[Model], rule: Degraded, now: float) -> Degradations:
        """Judges models by their latest calls.

        Args:
            models: The models.
            rule: The bounds of the policy.
            now: Unix time.
        """
        worse = self.reasons(models, rule, now)
        if not worse:
            return NOTHING
        if not rule.skipped:
            return Degradations(worse, {})
        return Degradations({}, dict.fromkeys(worse, now + rule.over / _PARTS))

    def reasons(self, models: Iterable[Model], rule: Degraded, now: float) -> dict[str, str]:
        """Why models are worse than usual, as text for people; those that are not are left out.

        Takes what `look` does.
        """
        if not self._recent:
            return {}
        with self._lock:
            reasons = {model.name: self._reason(model, rule, now) for model in models}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _reason(self, model: Model, rule: Degraded, now: float) -> str | None:
        name = model.name, model.provider_model
        recent = _total(self._recent.get(name, ()), now // (rule.over / _PARTS) - _PARTS)
        if recent.calls < rule.min_samples:
            return None
        share = recent.answered / recent.calls
        if rule.success is not None and share < rule.success:
            return f"degraded: {share:.0%} of its latest calls succeeded"
        if rule.latency is None or not recent.answered:
            return None
        usual = _total(self._usual.get(name, ()), now // _HOUR - _DAYS)
        usual.answered -= recent.answered
        usual.seconds -= recent.seconds
        if usual.answered < rule.min_samples:
            return None
        times = recent.seconds / recent.answered / max(usual.seconds / usual.answered, 1e-3)
        if times < rule.latency:
            return None
        return f"degraded: it takes {times:.1f} times as long as usual"


def _total(sums: Iterable[_Sum], after: float) -> _Sum:
    """All calls of the spans after that number."""
    total = _Sum(after)
    for each in sums:
        if each.number > after:
            total.calls += each.calls
            total.answered += each.answered
            total.seconds += each.seconds
    return total
