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
from policy_router.domain.limits import Metric, Rolling, WhenExhausted
from policy_router.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.limits import Limit, Window

_SECONDS: Final = {Period.DAY: 86_400, Period.WEEK: 604_800, Period.MONTH: 31 * 86_400}


def check(subject: Subject) -> Iterator[Diagnostic]:
    meters = subject.policy.limits
    idle: set[int] = set()
    for number, meter in enumerate(meters):
        if meter.cap is None or meter.warn_at or meter.cap == 0:
            continue
        for other_number, other in enumerate(meters):
            alike = _most(other, meter) == meter.cap and _most(meter, other) == other.cap
            if other_number in idle or other_number == number or (alike and number < other_number):
                continue
            most = _most(other, meter)
            if most is not None and most <= meter.cap:
                idle.add(number)
                yield warning(
                    "limit-without-effect",
                    f"{_described(meter)} is never reached, because of {_described(other)}",
                    meter.span,
                    "remove it, or make it stricter than the other",
                    *((("the other", other.span),) if other.span else ()),
                )
                break
    for meter in meters:
        named = (subject.draft.document.budgets or {}).get(meter.name)
        free = all(subject.policy.models[i].free for i in bits(meter.models))
        if meter.is_budget and meter.metric is Metric.USD and free and meter.models:
            known = subject.policy.models_by_name
            if named is not None and named.models and all(word in known for word in named.models):
                yield warning(
                    "limit-without-effect",
                    f"budget `{meter.name}` is never used: its models are free",
                    meter.span,
                    "limit tokens or requests instead, or name paid models",
                )


def _most(other: Limit, meter: Limit) -> int | None:
    """Return the most that a limit can count, given that another one refuses what exceeds it.

    None when the other one does not bound it.
    """
    if (
        other.cap is None
        or other.metric is not meter.metric
        or (other.then is not WhenExhausted.BLOCK and meter.metric is not Metric.USD)
        or other.then is WhenExhausted.WARN
        or meter.models & ~other.models
        or other.per not in (None, meter.per)
        or not (other.when is None or (meter.when and meter.when.text == other.when.text))
        # What a provider allows is worth stating in addition to the limits of the policy.
        or (meter.section == "models") != (other.section == "models")
    ):
        return None
    here, there = _length(meter.window), _length(other.window)
    return other.cap * max(1, -(-here // there))


def _length(window: Window | None) -> int:
    """Return the seconds of a window; 1 for concurrent requests, which have none."""
    if window is None:
        return 1
    return window.seconds if isinstance(window, Rolling) else _SECONDS[window]


def _described(meter: Limit) -> str:
    amount = spell_amount(meter.metric, meter.cap or 0)
    window = "" if meter.window is None else f" per {meter.window}"
    per = f" for each {meter.per}" if meter.per else ""
    return f"{amount}{window}{per}"
