"""The sections `limits` and `budgets`, and the limits of single models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.limits import ROLLING, Limit, Metric, WhenExhausted
from policy_router.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.limits import Window
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.limits import BudgetShape, LimitShape
    from policy_router.language.document.models import ModelShape
    from policy_router.language.source import Path
    from policy_router.units import Rate

MOST_THRESHOLDS: Final = 8
"""Largest number of thresholds in `warn_at` of one budget."""


def compile_limits(resolver: Resolver) -> tuple[Limit, ...]:
    """Every limit of the policy: those of models, then limits, then budgets, in written order."""
    document = resolver.draft.document
    limits: list[Limit] = []
    for name, model in (document.models or {}).items():
        limits += _own_limits(resolver, name, model)
    for name, limit in (document.limits or {}).items():
        limits += _limit(resolver, name, limit)
    for name, budget in (document.budgets or {}).items():
        limits.append(_budget(resolver, name, budget))
    return tuple(limits)


def _own_limits(resolver: Resolver, name: str, model: ModelShape) -> Iterator[Limit]:
    path: Path = ("models", name, "limits")
    seen: dict[tuple[str, str], Path] = {}
    for i, rate in enumerate(model.limits or ()):
        if _new(resolver, rate, (*path, i), seen):
            at = resolver.places.value((*path, i))
            yield Limit(
                "models", name, Metric(rate.metric), _window(rate.period), rate.amount,
                1 << resolver.numbers[name], span=at,
            )  # fmt: skip


def _limit(resolver: Resolver, name: str, limit: LimitShape) -> Iterator[Limit]:
    draft, places = resolver.draft, resolver.places
    path: Path = ("limits", name)
    models = _models(resolver, limit.models, path)
    when = resolver.when(limit.when, (*path, "when"))
    if draft.whole and not (limit.requests or limit.tokens or limit.concurrent):
        draft.error(
            "missing-field",
            f"limit `{name}` has nothing to limit",
            places.key(path),
            "add requests, tokens or concurrent",
        )
    seen: dict[tuple[str, str], Path] = {}
    for key in ("requests", "tokens"):
        for i, rate in enumerate(getattr(limit, key) or ()):
            if _new(resolver, rate, (*path, key, i), seen):
                span = places.value((*path, key, i))
                yield Limit(
                    "limits", name, Metric(rate.metric), _window(rate.period), rate.amount,
                    models, limit.per, when, span=span,
                )  # fmt: skip
    if limit.concurrent:
        span = places.value((*path, "concurrent"))
        yield Limit(
            "limits",
            name,
            Metric.CONCURRENT,
            None,
            limit.concurrent,
            models,
            limit.per,
            when,
            span=span,
        )


def _budget(resolver: Resolver, name: str, budget: BudgetShape) -> Limit:
    path: Path = ("budgets", name)
    cap = budget.cap
    if len(budget.warn_at or ()) > MOST_THRESHOLDS:
        resolver.draft.error(
            "bad-value",
            f"budget `{name}` has more than {MOST_THRESHOLDS} thresholds",
            resolver.places.key((*path, "warn_at")),
            "keep those that you act on",
        )
    return Limit(
        "budgets",
        name,
        Metric(cap.unit),
        Period(cap.period or Period.MONTH),  # spending without a cap is counted as well
        cap.amount,
        _models(resolver, budget.models, path),
        budget.per,
        resolver.when(budget.when, (*path, "when")),
        WhenExhausted(budget.then or WhenExhausted.FREE_ONLY),
        tuple(sorted(set(budget.warn_at or ()))),
        resolver.places.key(path),
    )


def _models(resolver: Resolver, selectors: list[str] | None, path: Path) -> int:
    """The models that selectors select, as a set of bits (bit i: model i); all for no selectors."""
    if selectors is None:
        return (1 << len(resolver.models)) - 1
    chosen = resolver.select(selectors, (*path, "models")) or ()
    return sum(1 << resolver.numbers[name] for name in chosen)


def _window(period: str) -> Window | None:
    return ROLLING.get(period) or (Period(period) if period else None)


def _new(resolver: Resolver, rate: Rate, path: Path, seen: dict[tuple[str, str], Path]) -> bool:
    """Whether a limit is the first of its metric and window in its list; others are reported."""
    name = (rate.metric, rate.period)
    if name in seen:
        places = resolver.places
        resolver.draft.diagnostics.append(
            Diagnostic(
                "duplicate-name",
                Severity.ERROR,
                f"two limits of {rate.metric}{' per ' + rate.period if rate.period else ''}",
                places.value(path),
                "keep one of them",
                (("the first", places.value(seen[name])),),
            )
        )
        return False
    seen[name] = path
    return True
