"""The sections `limits` and `budgets`, and the limits of single models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.limits import Limit, Metric, WhenExhausted
from policy_router.domain.periods import Period
from policy_router.domain.windows import IDLE, LONGEST, Rolling, SessionLife, window
from policy_router.language.compile.narrowing import narrowing
from policy_router.language.compile.overrides import cap_overrides, rate_overrides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.windows import Window
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.limits import BudgetShape, LimitShape
    from policy_router.language.document.models import ModelShape
    from policy_router.language.source import Path
    from policy_router.units import Cap, Rate

MOST_THRESHOLDS: Final = 8
"""Largest number of thresholds in `warn_at` of one budget."""
ALMOST_USED: Final = 0.95
"""The share of a quota at which an alert says that it is about to run out."""


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
    sharing = [name, *(other for other, owner in resolver.draft.quotas.items() if owner == name)]
    models = sum(1 << resolver.numbers[each] for each in sharing)
    seen: dict[tuple[str, str], Path] = {}
    for i, rate in enumerate(model.limits or ()):
        over = _window(resolver, rate.period, (*path, i))
        if _new(resolver, rate, over, (*path, i), seen):
            yield Limit(
                "models",
                name,
                Metric(rate.metric),
                over,
                rate.amount,
                models,
                warn_at=_alert_at(resolver, over),
                span=resolver.places.value((*path, i)),
            )


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
    counted: list[tuple[Metric, Window | None, int, Path]] = []
    for key in ("requests", "tokens"):
        for i, rate in enumerate(getattr(limit, key) or ()):
            over = _window(resolver, rate.period, (*path, key, i))
            if _new(resolver, rate, over, (*path, key, i), seen):
                counted.append((Metric(rate.metric), over, rate.amount, (*path, key, i)))
    if limit.concurrent:
        counted.append((Metric.CONCURRENT, None, limit.concurrent, (*path, "concurrent")))
    overrides = rate_overrides(resolver, limit, path, [(each[0], each[1]) for each in counted])
    for metric, over, amount, place in counted:
        yield Limit(
            "limits",
            name,
            metric,
            over,
            amount,
            models,
            limit.per,
            when,
            warn_at=() if limit.per or limit.shadow else _alert_at(resolver, over),
            overrides=overrides.get((metric, str(over or "")), ()),
            shadow=limit.shadow or False,
            span=places.value(place),
        )


def _alert_at(resolver: Resolver, over: Window | None) -> tuple[float, ...]:
    """When to alert that a quota runs out: only with `alerts`, and in a period that ends."""
    alerts = resolver.draft.document.alerts is not None
    return (ALMOST_USED,) if alerts and isinstance(over, Period) else ()


def _budget(resolver: Resolver, name: str, budget: BudgetShape) -> Limit:
    path: Path = ("budgets", name)
    cap = budget.cap
    over = _budget_window(resolver, name, budget)
    if len(budget.warn_at or ()) > MOST_THRESHOLDS:
        resolver.draft.error(
            "bad-value",
            f"budget `{name}` has more than {MOST_THRESHOLDS} thresholds",
            resolver.places.key((*path, "warn_at")),
            "keep those that you act on",
        )
    if budget.warn_at and isinstance(over, Rolling):
        resolver.draft.error(
            "bad-value",
            f"`warn_at` reports once per period, but the last {over} are a rolling window",
            resolver.places.key((*path, "warn_at")),
            "give the cap a calendar period such as /day, or remove `warn_at`",
        )
    models = _models(resolver, budget.models, path)
    return Limit(
        "budgets",
        name,
        Metric(cap.unit),
        over,
        cap.amount,
        models,
        budget.per,
        resolver.when(budget.when, (*path, "when")),
        WhenExhausted(budget.then or WhenExhausted.FREE_ONLY),
        tuple(sorted(set(budget.warn_at or ()))),
        narrowing(resolver, name, budget, models),
        cap_overrides(resolver, budget, path),
        budget.shadow or False,
        resolver.places.key(path),
    )


def _models(resolver: Resolver, selectors: list[str] | None, path: Path) -> int:
    """The models that selectors select, as a set of bits (bit i: model i); all for no selectors."""
    if selectors is None:
        return (1 << len(resolver.models)) - 1
    chosen = resolver.select(selectors, (*path, "models")) or ()
    return sum(1 << resolver.numbers[name] for name in chosen)


def _budget_window(resolver: Resolver, name: str, budget: BudgetShape) -> Window:
    cap: Cap = budget.cap
    path: Path = ("budgets", name, "cap")
    if cap.period:
        return _window(resolver, cap.period, path) or Period.MONTH
    if cap.amount is None:
        return Period.MONTH  # spending without a cap is counted as well
    if budget.per != "session":
        written = resolver.places.written(path)
        resolver.draft.error(
            "bad-unit",
            f"`{written}` names no period",
            resolver.places.value(path),
            f"write it like `{written}/month`; only with  per: session  it is for the life of each",
        )
    sessions = resolver.draft.document.sessions
    remembered = sessions.for_ if sessions is not None else None
    return SessionLife(max(IDLE, remembered or 0.0))


def _window(resolver: Resolver, period: str, path: Path) -> Window | None:
    """The window of a period; None for concurrency. One that is too long is reported."""
    if not period:
        return None
    over = window(period)
    if isinstance(over, Rolling) and over.seconds > LONGEST:
        days = LONGEST // 86_400
        resolver.draft.error(
            "bad-value",
            f"a window of {period} is longer than the maximum of {days} days",
            resolver.places.value(path),
            f"write {days}d or less, or the calendar period `month`",
        )
    return over


def _new(
    resolver: Resolver,
    rate: Rate,
    over: Window | None,
    path: Path,
    seen: dict[tuple[str, str], Path],
) -> bool:
    """Whether a limit is the first of its metric and window in its list; others are reported."""
    name = (rate.metric, str(over or ""))
    if name in seen:
        places = resolver.places
        resolver.draft.diagnostics.append(
            Diagnostic(
                "duplicate-name",
                Severity.ERROR,
                f"two limits of {rate.metric}{f' per {over}' if over else ''}",
                places.value(path),
                "keep one of them",
                (("the first", places.value(seen[name])),),
            )
        )
        return False
    seen[name] = path
    return True
