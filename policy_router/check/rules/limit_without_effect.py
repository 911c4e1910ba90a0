"""a limit or budget that is never reached because of another one

20 requests a minute are never more than 28,800 a day, so an additional limit of 50,000 a day has no
effect; of 100 a minute and 50 a day, the 100 has no effect. The same goes for a limit per user that
is higher than the limit for everyone, and for a budget in dollars over models that cost nothing.

Bad:
    limits:
      all: { requests: [20/min, 50000/day] }

Good:
    limits:
      all: { requests: [20/min, 5000/day] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.decision.bitset import bits
from policy_router.decision.wording import spell_amount
from policy_router.domain.limits import Metric, WhenExhausted
from policy_router.domain.periods import Period
from policy_router.domain.windows import Rolling, SessionLife

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.limits import Limit
    from policy_router.domain.windows import Window

_SECONDS: Final = {Period.DAY: 86_400, Period.WEEK: 604_800, Period.MONTH: 31 * 86_400}
"""Seconds of a period, at most."""
_SHORTEST: Final = {**_SECONDS, Period.MONTH: 28 * 86_400}
"""Seconds of a period, at least."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    limits = subject.policy.limits
    idle: set[int] = set()
    for number, limit in enumerate(limits):
        if limit.cap is None or limit.warn_at or limit.cap == 0 or _acts_early(limit):
            continue
        for other_number, other in enumerate(limits):
            alike = _most(other, limit) == limit.cap and _most(limit, other) == other.cap
            if other_number in idle or other_number == number or (alike and number < other_number):
                continue
            most = _most(other, limit)
            if most is not None and most <= limit.cap:
                idle.add(number)
                yield warning(
                    "limit-without-effect",
                    f"{_described(limit)} is never reached, because of {_described(other)}",
                    limit.span,
                    "remove it, or make it stricter than the other",
                    *((("the other", other.span),) if other.span else ()),
                )
                break
    for limit in limits:
        named = (subject.draft.document.budgets or {}).get(limit.name)
        free = all(subject.policy.models[i].free for i in bits(limit.models))
        if limit.is_budget and limit.metric is Metric.USD and free and limit.models:
            known = subject.policy.models_by_name
            if named is not None and named.models and all(word in known for word in named.models):
                yield warning(
                    "limit-without-effect",
                    f"budget `{limit.name}` is never used: its models are free",
                    limit.span,
                    "limit tokens or requests instead, or name paid models",
                )


def _most(other: Limit, limit: Limit) -> int | None:
    """Return the most that a limit can count, given that another one refuses what exceeds it.

    None when the other one does not bound it.
    """
    if (
        other.cap is None
        or other.metric is not limit.metric
        or (other.then is not WhenExhausted.BLOCK and limit.metric is not Metric.USD)
        or not other.refusing
        or other.overrides
        or limit.models & ~other.models
        or other.per not in (None, limit.per)
        or not (other.when is None or (limit.when and limit.when.text == other.when.text))
        # What a provider allows is worth stating in addition to the limits of the policy.
        or (limit.section == "models") != (other.section == "models")
    ):
        return None
    here, there = _length(limit.window), _length(other.window)
    if here is None or there is None:
        return other.cap if here is there else None
    return other.cap * _windows(limit.window, other.window, here, there)


def _windows(window: Window | None, other: Window | None, here: int, there: int) -> int:
    """Return how many windows of another limit one window may touch, and use up the cap of each.

    A calendar period begins at a fixed time, so that a window of its length or more may touch one
    more than it contains. A shorter one does that too, but seldom.

    Args:
        window: The window.
        other: That of the other limit.
        here: The length of the window in seconds, at most.
        there: That of the other one.
    """
    shortest = _SHORTEST[other] if isinstance(other, Period) else None
    consists = other is Period.DAY and isinstance(window, Period)
    if shortest is None or window == other or consists or here < shortest:
        return max(1, -(-here // there))
    return 1 + -(-(here - 1) // shortest)


def _acts_early(limit: Limit) -> bool:
    """Return whether a limit has an effect below its cap, or another cap for some."""
    return bool(limit.narrow_at or limit.overrides or limit.shadow)


def _length(window: Window | None) -> int | None:
    """Return the seconds of a window; 1 for concurrent requests, which have none, and None for the
    life of a session, which may be of any length."""
    if window is None:
        return 1
    if isinstance(window, SessionLife):
        return None
    return window.seconds if isinstance(window, Rolling) else _SECONDS[window]


def _described(limit: Limit) -> str:
    amount = spell_amount(limit.metric, limit.cap or 0)
    name = str(limit.window or "")
    window = f" {'in' if name[0].isdigit() else 'per'} {name}" if name else ""
    per = f" for each {limit.per}" if limit.per else ""
    return f"{amount}{window}{per}"
