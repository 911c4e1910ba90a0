"""Models: whether they are called, and what was measured, next to what the policy declares."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.execution.health.health_report import HealthState
from policy_router.views.html.charts import parts_bar
from policy_router.views.html.figures import badge
from policy_router.views.html.markup import element, join
from policy_router.views.html.tables import table
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.execution.health.health_report import ModelHealth
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.performance import Performance
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

_TONES: Final[Mapping[HealthState, tuple[str, str]]] = {
    HealthState.OK: ("ok", "good"),
    HealthState.SOME_USERS: ("some users", "warn"),
    HealthState.DEGRADED: ("degraded", "warn"),
    HealthState.RAMP: ("recovering", "warn"),
    HealthState.HALF_OPEN: ("probed", "warn"),
    HealthState.COOLDOWN: ("cooldown", "warn"),
    HealthState.OPEN: ("cooling down", "bad"),
}


_NUMBERS: Final = ("context", "cost of a call")


def models_table(
    policy: Policy,
    health: Sequence[ModelHealth],
    measured: Mapping[str, Performance],
    now: float,
    *,
    seen_by: Mapping[str, int] = MappingProxyType({}),
    workers: int = 1,
    brief: bool = False,
) -> Markup:
    """Return the models of a policy.

    Args:
        policy: The policy.
        health: Whether each of its models is called.
        measured: How each did, by its name; nothing is shown of others.
        now: Unix time.
        seen_by: How many workers of the server say so, by the name of the model.
        workers: How many workers there are.
        brief: Whether what the policy declares is left out where there is little room.
    """
    states = {each.model: each for each in health}
    head = ["model", "tier", "state", "why"]
    if not brief:
        head += ["price of 1M", "context"]
    head += ["calls", "p50", "p95", "succeed"]
    if not brief:
        head += ["quality", "cost of a call"]
    rows = [
        _row(
            model,
            measured.get(model.name),
            _state(
                states[model.name], policy, now, _part(seen_by.get(model.name, workers), workers)
            ),
            brief=brief,
        )
        for model in policy.models
    ]
    first = head.index("calls")
    return table(
        head, rows, caption="models: health and what was measured",
        right=frozenset(
            {*range(first, first + 3), *(head.index(each) for each in _NUMBERS if each in head)}
        ),
    )  # fmt: skip


def _row(
    model: Model, measured: Performance | None, state: list[Content], *, brief: bool
) -> list[Content]:
    declared: list[Content] = [] if brief else [_price(model), _context(model)]
    row: list[Content] = [model.name, model.tier, *state]
    if measured is None or not measured.calls:
        calls = "" if measured is None else "0"
        return [*row, *declared, calls, "", "", "", *([] if brief else ["", ""])]
    row += [
        *declared,
        f"{measured.calls:,}",
        _measured_time(measured.latency_p50, model.latency),
        "" if measured.latency_p95 is None else f"{measured.latency_p95:.2f} s",
        _share(measured.success),
    ]
    if not brief:
        cost = measured.cost_nano_usd
        row += [_share(measured.quality), "" if cost is None else spell_usd(round(cost))]
    return row


def _state(health: ModelHealth, policy: Policy, now: float, by: str) -> list[Content]:
    word, tone = _TONES[health.state]
    return [badge(word, tone), _why(health, policy, now, by)]


def _part(told: int, workers: int) -> str:
    """Return which part of the workers says something; nothing where all do."""
    return f" in {told} of {workers} workers" if told < workers else ""


def _why(health: ModelHealth, policy: Policy, now: float, by: str) -> Markup:
    if health.state is HealthState.OK:
        return element("span", "")
    until = ""
    if health.until is not None and health.until > now:
        until = f" until {spell_time(health.until, now, policy.timezone)}"
    times = f", {health.times} times in a row" if health.times > 1 else ""
    whose = f" ({health.at_fault})" if health.at_fault not in ("", "model") else ""
    return element("span", f"{health.cause}{times}{whose}{by}{until}")


def _context(model: Model) -> str:
    return "" if model.context is None else f"{model.context:,}"


def _price(model: Model) -> str:
    if model.free:
        return "free"
    if model.price is None:
        return "unknown"
    return f"{spell_usd(model.price.input)} in, {spell_usd(model.price.output)} out"


def _measured_time(measured: float | None, declared: float | None) -> Markup:
    """Return a measured time, with what the policy declares where it does."""
    if measured is None:
        return element("span", "")
    shown = f"{measured:.2f} s"
    if declared is None:
        return element("span", shown)
    tone = "bad-text" if measured > 2 * declared else "muted"
    note = element("span", f" declared {declared:g} s", class_=tone)
    return join([shown, note])


def _share(estimate: IntervalEstimate | None) -> Markup:
    if estimate is None:
        return element("span", "")
    label = (
        f"{estimate.value:.1%}, between {estimate.low:.1%} and {estimate.high:.1%} "
        f"by {estimate.samples:,} samples"
    )
    low, value, high = estimate.low, estimate.value, estimate.high
    parts = [
        ("part-free", low),
        ("unsure", value - low),
        ("unsure", high - value),
        ("rest", 1 - high),
    ]
    return element("span", f"{value:.1%}", parts_bar(parts, label), title=label)
