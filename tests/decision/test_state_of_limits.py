"""What `narrow_at`, `overrides`, sessions and `shadow` make of what the counters show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.facts import situation_of
from policy_router.decision.shadow import limit_effect
from policy_router.domain.decision import Reason
from policy_router.domain.facts import Vocabulary
from policy_router.domain.limits import (
    ANYONE,
    CounterKey,
    Limit,
    Metric,
    Narrowing,
    Reading,
    WhenExhausted,
)
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.sessions import Keep, Sessions, SessionState
from policy_router.domain.snapshot import Snapshot
from policy_router.domain.windows import MINUTE, Rolling, SessionLife
from tests.generate import TIERS, assemble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.decision import Decision

UTC = ZoneInfo("UTC")
NOW = 1_795_003_200.0
FREE = Model("free", "ollama_chat/a", "light", 0, FREE_PRICE, True, max_output=100)
SMALL = Model("small", "openai/b", "light", 0, Price(10**6, 10**6), max_output=100)
BIG = Model("big", "openai/c", "light", 0, Price(10**9, 10**9), max_output=100)
ALL = 0b111
PAYS = Limit("budgets", "pays", Metric.USD, Period.MONTH, None, ALL)
TEAM = Limit(
    "budgets", "team", Metric.USD, Period.MONTH, 10**9, ALL,
    narrow_at=(Narrowing(0.5, 0b011, ("free", "small")), Narrowing(0.9, 0b001, ("free",))),
)  # fmt: skip
CALLS = Limit(
    "limits", "calls", Metric.REQUESTS, MINUTE, 5, ALL, "tenant", overrides=(("acme", 9),)
)


def outs(
    meters: tuple[Limit, ...],
    used: Mapping[CounterKey, Reading | None],
    request: Request = Request(),  # noqa: B008  it never changes
) -> dict[str, str]:
    """Model -> why it is out."""
    found = assemble((FREE, SMALL, BIG), (), Vocabulary((), ()), bands=(), meters=meters)
    return {s.model: s.detail for s in decide(found, request, Snapshot(NOW, used=used)).skipped}


@pytest.mark.parametrize(
    ("used", "out"),
    [
        (0, set()), (499_999_999, set()), (500_000_000, {"big"}), (899_999_999, {"big"}),
        (900_000_000, {"big", "small"}),
    ],
)  # fmt: skip
def test_a_budget_narrows_from_its_threshold_on(used: int, out: set[str]) -> None:
    assert set(outs((TEAM,), {TEAM.key(ANYONE): Reading(used)})) == out


def test_the_reason_names_budget_share_and_threshold() -> None:
    found = outs((TEAM,), {TEAM.key(ANYONE): Reading(920_000_000)})
    assert found["big"] == (
        "budget `team`: $0.92 of $1.00 a month used (92%); `narrow_at` 50% leaves only free, small"
    )
    assert found["small"].endswith("`narrow_at` 90% leaves only free")


def test_a_budget_that_cannot_be_read_narrows_nothing_further() -> None:
    warns = replace(TEAM, then=WhenExhausted.WARN)
    assert outs((warns,), {TEAM.key(ANYONE): None}) == {}
    assert outs((warns,), {}) == {}


def test_a_budget_that_only_warns_narrows_all_the_same() -> None:
    warns = replace(TEAM, then=WhenExhausted.WARN)
    assert set(outs((warns,), {TEAM.key(ANYONE): Reading(10**10)})) == {"big", "small"}


def test_only_models_that_the_budget_covers_are_kept_back() -> None:
    paid = replace(TEAM, models=0b110, narrow_at=(Narrowing(0.5, 0b010, ("small",)),))
    assert set(outs((PAYS, paid), {paid.key(ANYONE): Reading(600_000_000)})) == {"big"}


def test_every_threshold_that_is_reached_applies() -> None:
    steps = Narrowing(0.2, 0b011, ("a",)), Narrowing(0.4, 0b101, ("b",))
    crossed = replace(TEAM, narrow_at=steps)
    assert set(outs((crossed,), {TEAM.key(ANYONE): Reading(500_000_000)})) == {"big", "small"}


@pytest.mark.parametrize(
    ("tenant", "used", "full"),
    [("acme", 5, False), ("acme", 9, True), ("initech", 5, True), (None, 5, True)],
)
def test_a_named_subject_has_its_own_cap(tenant: str | None, used: int, full: bool) -> None:
    found = outs(
        (PAYS, CALLS), {CALLS.key(tenant or ANYONE): Reading(used)}, Request(tenant=tenant)
    )
    assert bool(found) is full
    if full:
        assert f"{used} of {9 if tenant == 'acme' else 5} requests a minute used" in found["free"]


def test_the_cap_of_a_subject_is_what_an_attempt_reserves() -> None:
    meters = (PAYS, CALLS)
    found = assemble((FREE, SMALL, BIG), (), Vocabulary((), ()), bands=(), meters=meters)
    for tenant, cap in (("acme", 9), ("initech", 5)):
        request = Request(tenant=tenant)
        facts = situation_of(found, request, NOW).facts
        reads = found.limit_index.counters_to_read(facts, request, NOW, UTC)
        charges = found.limit_index.charges(facts, request, 0, now=NOW, zone=UTC)
        assert [charge.cap for _, charge in reads] == [cap]
        assert [c.cap for c in charges if c.counter.key.name == "calls"] == [cap]


def test_no_cap_for_one_subject_is_no_cap() -> None:
    free = replace(CALLS, overrides=(("acme", None),))
    assert outs((PAYS, free), {free.key("acme"): Reading(10**6)}, Request(tenant="acme")) == {}


def test_an_own_cap_where_others_have_none() -> None:
    only = Limit(
        "budgets", "each", Metric.USD, Period.DAY, None, ALL, "tenant",
        then=WhenExhausted.FREE_ONLY, overrides=(("acme", 10**6),),
    )  # fmt: skip
    used = {only.key("acme"): Reading(10**6), only.key("initech"): Reading(10**9)}
    assert set(outs((only,), used, Request(tenant="acme"))) == {"small", "big"}
    assert outs((only,), used, Request(tenant="initech")) == {}


RUN = Limit("budgets", "each-run", Metric.USD, SessionLife(), 10**9, ALL, "session")


def test_each_session_has_its_own_budget_and_requests_without_one_share_one() -> None:
    used: dict[CounterKey, Reading | None] = {
        RUN.key("s1"): Reading(10**9),
        RUN.key("s2"): Reading(0),
    }
    assert set(outs((RUN,), used, Request(session="s1"))) == {"free", "small", "big"}
    assert outs((RUN,), used, Request(session="s2")) == {}
    assert outs((RUN,), used | {RUN.key(ANYONE): Reading(0)}) == {}
    assert set(outs((RUN,), {RUN.key(ANYONE): Reading(10**9)})) == {"free", "small", "big"}
    found = outs((RUN,), used, Request(session="s1"))
    assert found["free"] == "budget `each-run`: $1.00 of $1.00 a session used"
    found = outs((RUN,), {RUN.key(ANYONE): Reading(10**9)})
    assert found["free"].endswith(" a session used by all requests without a session together")


def test_a_window_of_its_own_length_is_worded() -> None:
    plan = Limit("limits", "plan", Metric.REQUESTS, Rolling(18_000), 900, ALL)
    found = outs((PAYS, plan), {plan.key(ANYONE): Reading(900)})
    assert found["free"] == "limit `plan`: 900 of 900 requests in 5h used"


def shadow(
    *meters: Limit, used: Mapping[CounterKey, Reading | None]
) -> tuple[list[str], list[str]]:
    """The candidates, and what limits in shadow would have done."""
    found = assemble((FREE, SMALL, BIG), (), Vocabulary((), ()), bands=(), meters=meters)
    decision = decide(found, Request(), Snapshot(NOW, used=used))
    return [c.name for c in decision.candidates], [e.detail for e in decision.shadow]


def test_a_limit_in_shadow_tells_and_excludes_nothing() -> None:
    calls = Limit("limits", "calls", Metric.REQUESTS, MINUTE, 5, 0b100, shadow=True)
    names, effects = shadow(PAYS, calls, used={calls.key(ANYONE): Reading(5)})
    assert names == ["free", "small", "big"]
    assert effects == [
        "would have excluded `big`: limit `calls`: 5 of 5 requests a minute used",
    ]
    assert shadow(PAYS, calls, used={calls.key(ANYONE): Reading(4)})[1] == []


def test_a_budget_in_shadow_tells_what_it_would_have_kept_back() -> None:
    quiet = replace(TEAM, shadow=True)
    names, effects = shadow(PAYS, quiet, used={quiet.key(ANYONE): Reading(600_000_000)})
    assert names == ["free", "small", "big"]
    assert effects[0].startswith("would have excluded `big`: budget `team`: $0.60 of $1.00")


@pytest.mark.parametrize(
    ("then", "used", "out"),
    [
        (WhenExhausted.BLOCK, 0, []),
        (WhenExhausted.BLOCK, 999_950_000, ["big"]),
        (WhenExhausted.FREE_ONLY, 999_950_000, ["big"]),
        (WhenExhausted.WARN, 999_950_000, []),
    ],
)
def test_a_budget_in_shadow_is_compared_with_what_each_candidate_may_cost(
    then: WhenExhausted, used: int, out: list[str]
) -> None:
    quiet = Limit("budgets", "q", Metric.USD, Period.MONTH, 10**9, ALL, then=then, shadow=True)
    _, effects = shadow(PAYS, quiet, used={quiet.key(ANYONE): Reading(used)})
    assert [effect.split("`")[1] for effect in effects] == out


def test_a_budget_in_shadow_pays_for_nothing() -> None:
    quiet = replace(TEAM, shadow=True)
    assert set(outs((quiet,), {})) == {"small", "big"}
    assert outs((quiet,), {})["big"] == "it is not free, and no budget covers it"


@st.composite
def one_limit(draw: st.DrawFn) -> Limit:
    metric = draw(st.sampled_from(Metric))
    steps = draw(st.sets(st.sampled_from((0.2, 0.5, 0.9)), max_size=2))
    return Limit(
        draw(st.sampled_from(("budgets", "limits"))),
        "one",
        metric,
        None if metric is Metric.CONCURRENT else Period.MONTH,
        draw(st.sampled_from((None, 0, 1, 300, 10**6, 10**9))),
        draw(st.integers(0, 0b1111)),
        draw(st.sampled_from((None, "user"))),
        None,
        draw(st.sampled_from(WhenExhausted)),
        narrow_at=tuple(Narrowing(s, draw(st.integers(0, 0b1111)), ("m",)) for s in sorted(steps)),
        overrides=draw(st.sampled_from(((), (("ada", 5),), (("ada", None),)))),
        shadow=True,
    )


@st.composite
def remembered(draw: st.DrawFn) -> SessionState:
    name = draw(st.sampled_from(("free", "small", "big", "gone")))
    errors = draw(st.sampled_from((0, 3)))
    return SessionState(name, draw(st.integers(0, 2)), "why", NOW, draw(st.booleans()), errors)


OF_LIMITS = {Reason.UNPRICED, Reason.STATE, Reason.BUDGET, Reason.RATE_LIMIT}
# Not `headroom`, which sees what is left of a limit that is applied.
ORDERS = (SortKey.CHEAPEST, SortKey.SAME_MODEL, SortKey.SPREAD)


@settings(deadline=None, max_examples=400)
@given(
    one_limit(),
    st.none() | st.integers(0, 400) | st.sampled_from((10**6, 999_999_000, 10**9)),
    st.booleans(),
    st.sampled_from((None, 0, 1, 2, 3)),
    st.sampled_from((frozenset[str](), frozenset({"hosted_tools"}))),
    st.permutations(ORDERS),
    st.tuples(st.sampled_from(Keep), st.none() | remembered(), st.sampled_from((0, 3, 6))),
    st.sets(st.sampled_from(("free", "small", "big"))),
)
def test_a_limit_in_shadow_would_have_done_what_it_does_when_applied(  # noqa: PLR0917  one of each kind
    limit: Limit,
    used: int | None,
    known: bool,
    most: int | None,
    needs: frozenset[str],
    keys: list[SortKey],
    session: tuple[Keep, SessionState | None, int],
    last: set[str],
) -> None:
    keep, state, errors = session
    strong = replace(BIG, rank=1, tier=TIERS[1])
    models = tuple(
        replace(model, abilities=frozenset({"hosted_tools"}), upstream=upstream)
        for model, upstream in (
            (FREE, "a"),
            (SMALL, "b"),
            (strong, "a"),
            (Model("odd", "x/d", "light", 0, None, False, max_output=9), "b"),
        )
    )
    request = Request(
        user="ada", max_candidates=most, needs=needs, tokens=100, session="s", tool_errors=errors
    )
    readings = {limit.key("ada" if limit.per else ANYONE): None if used is None else Reading(used)}
    late = dict.fromkeys(last, "degraded")
    snapshot = Snapshot(NOW, used=readings if known else {}, session=state, last=late)
    pays = replace(PAYS, models=0b1111)

    def decided(*meters: Limit) -> Decision:
        found = assemble(
            models, (), Vocabulary((), ()), bands=(), meters=(pays, *meters),
            prefer=tuple(keys), sessions=Sessions(keep),
        )  # fmt: skip
        return decide(found, request, snapshot)

    tried, applied = decided(limit), decided(replace(limit, shadow=False))
    before, after = ([c.name for c in each.candidates] for each in (tried, applied))
    assert before == [c.name for c in decided().candidates]
    if before == after:
        assert tried.shadow == ()
    else:
        gone = [name for name in before if name not in after]
        [effect] = tried.shadow
        ours = [s for s in applied.further if s.model in gone and s.reason in OF_LIMITS]
        if ours:
            assert effect == limit_effect(limit, before, after, ours[0].detail)
        else:  # it excludes a model beyond `max_candidates`, and others come first without that
            known_causes = {s.detail for s in applied.further if s.reason in OF_LIMITS}
            assert effect in [limit_effect(limit, before, after, why) for why in known_causes]


def test_what_is_in_shadow_is_counted_and_refuses_nothing() -> None:
    quiet = replace(TEAM, shadow=True)
    found = assemble((FREE, SMALL, BIG), (), Vocabulary((), ()), bands=(), meters=(PAYS, quiet))
    facts = situation_of(found, Request(), NOW).facts
    charges = found.limit_index.charges(facts, Request(), 2, now=NOW, zone=UTC)
    assert [(c.counter.key.name, c.refuses, c.amount > 0) for c in charges][1:] == [
        ("team", False, True)
    ]
    reads = found.limit_index.counters_to_read(facts, Request(), NOW, UTC)
    assert [key.name for key, _ in reads] == ["team"]


def test_budgets_in_shadow_that_exclude_the_same_models_are_reported_one_by_one() -> None:
    quiet = [
        replace(TEAM, name=name, cap=10**6, narrow_at=(), shadow=True) for name in ("one", "two")
    ]
    meters = (PAYS, *quiet)
    found = assemble((FREE, SMALL, BIG), (), Vocabulary((), ()), bands=(), meters=meters)
    used = {each.key(ANYONE): Reading(999_999) for each in quiet}
    decision = decide(found, Request(tokens=100, max_tokens=100), Snapshot(NOW, used=used))
    assert [each.name for each in decision.shadow] == ["one", "two"]
    assert {each.removed for each in decision.shadow} == {("small", "big")}


def test_a_threshold_may_keep_back_nothing_more() -> None:
    steps = Narrowing(0.2, 0b011, ("free", "small")), Narrowing(0.4, 0b111, ("*",))
    same = replace(TEAM, narrow_at=steps)
    assert set(outs((same,), {TEAM.key(ANYONE): Reading(500_000_000)})) == {"big"}


def test_an_answer_is_capped_by_the_cap_of_the_subject() -> None:
    tokens = Limit(
        "limits", "tokens", Metric.TOKENS, MINUTE, 400, ALL, "tenant",
        overrides=(("acme", 40_000), ("vip", None)),
    )  # fmt: skip
    wide = replace(SMALL, max_output=None, context=100_000)
    found = assemble((wide,), (), Vocabulary((), ()), bands=(), meters=(PAYS, tokens))
    caps = {}
    for tenant in ("initech", "acme", "vip"):
        request = Request(tenant=tenant, tokens=10, max_input_tokens=10)
        facts = situation_of(found, request, NOW).facts
        caps[tenant] = found.limit_index.output_caps(facts, request, 0)[0]
    assert caps["initech"] < caps["acme"] < caps["vip"]
