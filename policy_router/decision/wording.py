"""Amounts of what is counted, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.limits import ANYONE, Metric
from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from policy_router.domain.limits import CounterKey, Narrowing


def spell_amount(metric: Metric, amount: int) -> str:
    """Write an amount with its unit: `$1.50`, `1 request`, `3 requests`.

    Args:
        metric: What is counted.
        amount: How much: requests, tokens, nano-USD, or attempts under way, which have no unit.
    """
    if metric is Metric.USD:
        return spell_usd(amount)
    unit = "" if metric is Metric.CONCURRENT else f" {metric}"
    return f"{amount:,}{unit.removesuffix('s') if amount == 1 else unit}"


def spell_usage(metric: Metric, used: int, cap: int, window: object) -> str:
    """Write how much of a cap is used: `$1.50 of $5.00 a month`, `2 of 4 at once`.

    Args:
        metric: What is counted.
        used: The amount that is used.
        cap: The most that the limit allows.
        window: Its window or the name of it; None or empty where attempts under way are counted.
    """
    first = spell_amount(metric, used) if metric is Metric.USD else f"{used:,}"
    return f"{first} of {spell_amount(metric, cap)} {per_window(window)}"


def per_window(window: object) -> str:
    """Write a window: `a month`, `a minute`, `in 5h`, or `at once` where there is none."""
    name = str(window or "")
    if name[:1].isdigit():
        return f"in {name}"
    if name == "min":
        return "a minute"
    return f"{'an' if name == 'hour' else 'a'} {name}" if name else "at once"


def spell_exhausted(key: CounterKey, used: int, cap: int, requested: int) -> str:
    """Say that a request does not fit into a limit.

    Args:
        key: A counter of the limit.
        used: What is used of it.
        cap: The most that the limit allows.
        requested: The most that the request can use.
    """
    kind = "budget" if key.is_budget else "limit"
    usage = spell_usage(key.metric, used, cap, key.window)
    text = f"{kind} `{key.name}`: {usage} used"
    if key.window == "session" and key.subject == ANYONE:
        text += " by all requests without a session together"
    if used >= cap:
        return text
    return f"{text}, this request may use {spell_amount(key.metric, requested)}"


def spell_narrowed(key: CounterKey, used: int, cap: int, narrowing: Narrowing) -> str:
    """Say that so much of a limit is used that only some models are left.

    Args:
        key: A counter of the limit.
        used: What is used of it.
        cap: The most that the limit allows.
        narrowing: The threshold that is reached.
    """
    kind = "budget" if key.is_budget else "limit"
    usage = spell_usage(key.metric, used, cap, key.window)
    share = f"{used / cap:.0%}" if cap else "all"
    kept = ", ".join(narrowing.selectors)
    threshold = f"`narrow_at` {narrowing.share * 100:.6g}%"
    return f"{kind} `{key.name}`: {usage} used ({share}); {threshold} leaves only {kept}"
