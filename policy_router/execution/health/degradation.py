"""Which models answer worse than usual, by the calls of this process.

Only policies with `fallback.degraded` are measured. The share of calls that succeed and the average
latency within `over` are compared with the policy's bounds; the latency with the model's own
average of the last days, which is kept by the hour. Both are kept in the memory of the process: a
new one judges a model once it has made enough calls of its own. They are not shared, since that
would be a write to the store for every call.

Failures that only one user met (see `breaker_scope`) count for the requests of that user.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.domain.fallback import Degraded
    from policy_router.domain.models import Model

_PARTS: Final = 10
"""Parts of the time that is measured; the oldest part is dropped as a whole."""
_HOUR: Final = 3600.0
_SEVERAL: Final = 2
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
        failed_for: The users whose calls failed; None stands for everyone. Two are enough.
        answered_for: The users whose calls succeeded, likewise.
    """

    number: float
    calls: int = 0
    answered: int = 0
    seconds: float = 0.0
    failed_for: set[str | None] = field(default_factory=set)
    answered_for: set[str | None] = field(default_factory=set)

    def note(self, latency: float | None, user: str | None) -> None:
        """Adds a call."""
        self.calls += 1
        if latency is not None:
            self.answered += 1
            self.seconds += latency
        users = self.failed_for if latency is None else self.answered_for
        if len(users) < _SEVERAL:
            users.add(user)

    def add(self, other: _Sum) -> None:
        """Adds the calls of another span."""
        self.calls += other.calls
        self.answered += other.answered
        self.seconds += other.seconds
        self.failed_for |= other.failed_for
        self.answered_for |= other.answered_for


@dataclass(frozen=True, slots=True)
class Worse:
    """The reason why a model counts as worse than usual.

    Attributes:
        reason: Why, as text for people.
        user: The only user whose requests met that; None where others did as well.
    """

    reason: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Degradations:
    """What is worse than usual at one moment.

    Attributes:
        last: Models that come after all others, each with the reason as text for people.
        skipped: Models that are not called, each with the Unix time at which that ends.
    """

    last: Mapping[str, str]
    skipped: Mapping[str, float]


NOTHING: Final = Degradations({}, {})
NEVER: Final[Mapping[str, float]] = MappingProxyType({})
"""No model is observed afresh."""


class Degradation:
    """The latest calls of each model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = forks.lock()
        self._recent: dict[tuple[str, str], deque[_Sum]] = {}
        self._usual: dict[tuple[str, str], deque[_Sum]] = {}
        self._named: tuple[Iterable[Model], dict[tuple[str, str], str]] = (), {}

    def note(
        self,
        model: Model,
        rule: Degraded,
        now: float,
        latency: float | None,
        user: str | None = None,
    ) -> None:
        """Notes a call that ended.

        Args:
            model: The model.
            rule: The bounds of the policy.
            now: Unix time.
            latency: Seconds to the first token of a stream, or to the whole answer; None when the
                call failed.
            user: The user whose request may be the reason for that; None where none can be.
        """
        name = model.name, model.provider_model
        spans = (self._recent, rule.over / _PARTS, _PARTS), (self._usual, _HOUR, _DAYS)
        with self._lock:
            for kept, width, most in spans:
                sums = kept.setdefault(name, deque(maxlen=most))
                number = now // width
                if not sums or sums[-1].number != number:
                    sums.append(_Sum(number))
                sums[-1].note(latency, user)

    def look(
        self,
        models: Iterable[Model],
        rule: Degraded,
        now: float,
        user: str | None = None,
        since: Mapping[str, float] = NEVER,
    ) -> Degradations:
        """Judges models by their latest calls, for a request.

        Args:
            models: The models.
            rule: The bounds of the policy.
            now: Unix time.
            user: The user of the request, if it names one.
            since: Names of models that are observed anew, each with the Unix time from which.
        """
        found = self.worse(models, rule, now, since)
        worse = {name: each.reason for name, each in found.items() if each.user in (None, user)}
        if not worse:
            return NOTHING
        if not rule.skipped:
            return Degradations(worse, {})
        return Degradations({}, dict.fromkeys(worse, now + rule.over / _PARTS))

    def worse(
        self,
        models: Iterable[Model],
        rule: Degraded,
        now: float,
        since: Mapping[str, float] = NEVER,
    ) -> dict[str, Worse]:
        """Which models are worse than usual, by name. Takes what `look` does, for all users."""
        if not self._recent:
            return {}
        if self._named[0] is not models:
            self._named = models, {(m.name, m.provider_model): m.name for m in models}
        named = self._named[1]
        with self._lock:
            found = {
                name: self._judged(called, rule, now, since.get(name, 0.0))
                for called in self._recent
                if (name := named.get(called)) is not None
            }
        return {name: worse for name, worse in found.items() if worse is not None}

    def _judged(
        self, called: tuple[str, str], rule: Degraded, now: float, since: float
    ) -> Worse | None:
        width = rule.over / _PARTS
        recent = _total(self._recent[called], max(now // width - _PARTS, since // width))
        if recent.calls < rule.min_samples:
            return None
        share = recent.answered / recent.calls
        if rule.success is not None and share < rule.success:
            reason = f"degraded: {share:.0%} of its latest calls succeeded"
            return Worse(reason, _only(recent.failed_for))
        if rule.latency is None or not recent.answered:
            return None
        usual = _total(self._usual.get(called, ()), now // _HOUR - _DAYS)
        usual.answered -= recent.answered
        usual.seconds -= recent.seconds
        if usual.answered < rule.min_samples:
            return None
        times = recent.seconds / recent.answered / max(usual.seconds / usual.answered, 1e-3)
        if times < rule.latency:
            return None
        reason = f"degraded: it takes {times:.1f} times as long as usual"
        return Worse(reason, _only(recent.answered_for))


def _only(users: set[str | None]) -> str | None:
    """The only user among these; None where there are several, or it may be anyone."""
    return next(iter(users)) if len(users) == 1 else None


def _total(sums: Iterable[_Sum], after: float) -> _Sum:
    """All calls of the spans after that number."""
    total = _Sum(after)
    for each in sums:
        if each.number > after:
            total.add(each)
    return total
