"""The state that a test of a policy assumes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.experiments import CONTROL
from policy_router.domain.policy_tests import GivenState, GivenStats
from policy_router.domain.windows import window
from policy_router.units import limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.policy_tests import GivenShape
    from policy_router.language.source import Path
    from policy_router.units import Cap, Rate


def given_state(
    resolver: Resolver, shape: GivenShape | None, path: Path, request: str | Mapping[str, object]
) -> GivenState:
    """Return the state that a test assumes; what cannot be is reported.

    Args:
        resolver: Knows what the policy defines.
        shape: The state as it is written; None for none.
        path: Where it is written.
        request: The request of the test.
    """
    if shape is None:
        return GivenState()
    draft, places = resolver.draft, resolver.places
    for budget in shape.spent or ():
        span = places.key((*path, "spent", budget))
        resolver.known(budget, draft.names.budgets, "budget", span)
        cap = _cap(resolver, budget)
        if cap is not None and cap.unit != "usd":
            help_ = f"write  used: {{ {budget}: 5k tokens/{cap.period or 'day'} }}"
            draft.error("bad-value", f"budget `{budget}` counts tokens, not dollars", span, help_)
    used = {name: limit(text) for name, text in (shape.used or {}).items()}
    for name, amount in used.items():
        _check_used(resolver, name, amount, (*path, "used", name))
    for session, model in (shape.session or {}).items():
        resolver.one_model(model, (*path, "session", session))
    if shape.arm is not None:
        _check_arm(resolver, shape.arm, (*path, "arm"))
    for model in shape.stats or ():
        resolver.one_model(model, (*path, "stats", model))
    twice = [name for name in ("hour", "weekday") if name in request]
    if shape.clock is not None and twice and not isinstance(request, str):
        draft.error(
            "bad-value",
            f"`clock` already determines `{twice[0]}`",
            places.value((*path, "clock")),
            f"keep one of them: `{twice[0]}` of the request, or `clock`",
        )
    return GivenState(
        spent=MappingProxyType(dict(shape.spent or {})),
        session=MappingProxyType(dict(shape.session or {})),
        used=MappingProxyType(used),
        arm=shape.arm,
        cooling=resolver.select(shape.cooling, (*path, "cooling")) or (),
        clock=shape.clock,
        stats=MappingProxyType(
            {
                model: GivenStats(
                    success=each.success,
                    latency=each.latency,
                    quality=each.quality,
                    accepted=each.accepted,
                    samples=each.samples,
                )
                for model, each in (shape.stats or {}).items()
            }
        ),
    )


def _cap(resolver: Resolver, budget: str) -> Cap | None:
    shape = (resolver.draft.document.budgets or {}).get(budget)
    return None if shape is None else shape.cap


def _check_used(resolver: Resolver, name: str, amount: Rate, path: Path) -> None:
    """Report a name that limits nothing, and an amount that it does not count."""
    names, span = resolver.draft.names, resolver.places.key(path)
    known = {*names.limits, *names.budgets, *names.models}
    resolver.known(name, known, "limit", span)
    counted = list(_counted(resolver, name))
    spelled = {(metric, _window(period)) for metric, period in counted}
    # What was broken in the limit may be what counts them.
    if (
        name not in known
        or not resolver.draft.whole
        or (amount.metric, _window(amount.period)) in spelled
    ):
        return
    shown = ", ".join(f"`{_spelled(*each)}`" for each in counted)
    resolver.draft.error(
        "bad-value",
        f"`{name}` counts no {_spelled(amount.metric, amount.period)}",
        resolver.places.value(path),
        f"it counts {shown}" if shown else "name a limit that counts them",
    )


def _window(period: str) -> str:
    """The name of a window, the same for `60s` and `min`."""
    return str(window(period)) if period else ""


def _spelled(metric: str, period: str) -> str:
    return f"{metric}/{period}" if period else f"{metric} requests"


def _counted(resolver: Resolver, name: str) -> Iterator[tuple[str, str]]:
    """What is counted under a name: metrics and periods."""
    document = resolver.draft.document
    shared = (document.limits or {}).get(name)
    if shared is not None:
        for rate in (*(shared.requests or ()), *(shared.tokens or ())):
            yield rate.metric, rate.period
        if shared.concurrent:
            yield "concurrent", ""
        return
    cap = _cap(resolver, name)
    if cap is not None:
        if cap.unit == "tokens":
            yield cap.unit, cap.period
        return
    model = (document.models or {}).get(name)
    for rate in (model.limits or ()) if model is not None else ():
        yield rate.metric, rate.period


def _check_arm(resolver: Resolver, written: str, path: Path) -> None:
    """Report an experiment or an arm that does not exist, and an arm that is not named."""
    name, _, arm = written.partition("/")
    span = resolver.places.value(path)
    resolver.known(name, resolver.draft.names.experiments, "experiment", span)
    shape = (resolver.draft.document.experiments or {}).get(name)
    if shape is None:
        return
    arms = [*([name] if shape.arms is None else shape.arms), CONTROL]
    if arm:
        resolver.known(arm, arms, f"arm of experiment `{name}`", span)
    elif shape.arms is not None:
        resolver.draft.error(
            "bad-value",
            f"experiment `{name}` has several arms",
            span,
            "name one of them: " + ", ".join(f"`{name}/{each}`" for each in arms),
        )
