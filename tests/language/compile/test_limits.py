"""Limits and budgets of a document, as values of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.catalog.table import Catalog
from policy_router.domain.limits import Narrowing
from policy_router.domain.periods import Period
from policy_router.domain.windows import IDLE, MINUTE, Rolling, SessionLife
from policy_router.language.files import PolicyFile
from policy_router.language.load import Loaded, compile_files

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free, limits: [900/5h, 1M tokens/3d] }
  large: { model: acme/large, tier: heavy, price: free, tags: [far] }
"""
TABLE = Catalog({}, frozenset({"acme"}), "made up")


def loaded(text: str) -> Policy:
    found = compile_files([PolicyFile("p.yaml", (HEAD + text).encode())], table=TABLE)
    assert isinstance(found, Loaded), found
    assert found.policy is not None, found.diagnostics
    return found.policy


def limits(text: str) -> dict[tuple[str, str], Limit]:
    """Each limit by its name and window, but for those of models."""
    return {
        (limit.name, str(limit.window)): limit
        for limit in loaded(text).limits
        if limit.section != "models"
    }


def test_models_have_limits_over_any_window() -> None:
    assert [(m.metric, m.window, m.cap) for m in loaded("").limits] == [
        ("requests", Rolling(18_000), 900),
        ("tokens", Rolling(259_200), 1_000_000),
    ]


def test_a_window_is_a_period_of_the_calendar_or_a_length() -> None:
    found = limits("limits: { l: { requests: [60/min, 900/5h, 50/day, 2000/week, 9000/month] } }")
    assert [m.window for m in found.values()] == [
        MINUTE, Rolling(18_000), Period.DAY, Period.WEEK, Period.MONTH,
    ]  # fmt: skip


def test_a_budget_of_a_session_needs_no_period() -> None:
    found = limits(
        "budgets: { run: { per: session, cap: $2 }, day: { per: session, cap: $1/day } }"
    )
    assert [m.window for m in found.values()] == [SessionLife(IDLE), Period.DAY]


def test_a_session_counts_for_as_long_as_it_is_remembered() -> None:
    found = limits("budgets: { run: { per: session, cap: $2 } }\nsessions: { for: 1000h }")
    assert [m.window for m in found.values()] == [SessionLife(3_600_000.0)]


def test_narrow_at_is_ascending_and_names_models() -> None:
    (found,) = limits(
        "budgets: { b: { cap: $2/day, narrow_at: { 90%: [small], 50%: [light, far] } } }"
    ).values()
    assert found.narrow_at == (
        Narrowing(0.5, 0b11, ("light", "far")),
        Narrowing(0.9, 0b01, ("small",)),
    )


def test_overrides_of_a_limit_belong_to_its_windows() -> None:
    found = limits(
        "limits: { l: { per: user, requests: [60/min, 900/5h], concurrent: 4, overrides: {"
        " ada: { requests: [1000/300min], concurrent: 8 }, bob: { requests: [90/min] } } } }"
    )
    assert {window: m.overrides for (_, window), m in found.items()} == {
        "min": (("bob", 90),),
        "5h": (("ada", 1000),),
        "None": (("ada", 8),),
    }
    assert found["l", "5h"].of("ada").cap == 1000
    assert found["l", "5h"].of("bob").cap == 900


def test_overrides_of_a_budget_may_lift_it() -> None:
    (found,) = limits(
        "budgets: { b: { per: tenant, cap: $2/day, overrides: { acme: $5/day, vip: unlimited } } }"
    ).values()
    assert found.overrides == (("acme", 5 * 10**9), ("vip", None))


def test_what_a_limit_means_is_part_of_the_revision() -> None:
    texts = (
        "",
        "limits: { l: { requests: [60/min] } }",
        "limits: { l: { requests: [60/5h] } }",
        "limits: { l: { requests: [60/min], shadow: true } }",
        "limits: { l: { per: user, requests: [60/min] } }",
        "limits: { l: { per: session, requests: [60/min] } }",
        "limits: { l: { per: user, requests: [60/min], overrides: { a: { requests: [9/min] } } } }",
        "budgets: { b: { cap: $2/day } }",
        "budgets: { b: { cap: $2/24h } }",
        "budgets: { b: { cap: $2/day, narrow_at: { 90%: [small] } } }",
        "budgets: { b: { cap: $2/day, narrow_at: { 80%: [small] } } }",
        "budgets: { b: { cap: $2/day, narrow_at: { 80%: [large] } } }",
        "budgets: { b: { cap: $2/day, per: user } }",
        "budgets: { b: { cap: $2/day, per: user, overrides: { a: $3/day } } }",
        "budgets: { b: { cap: $2/day, per: user, overrides: { a: $4/day } } }",
        "budgets: { b: { cap: $2/day, shadow: true } }",
        "budgets: { b: { cap: $2, per: session } }",
    )
    assert len({loaded(text).revision for text in texts}) == len(texts)
