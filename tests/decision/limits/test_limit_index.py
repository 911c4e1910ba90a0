"""What limits and budgets do to a decision, and what an attempt takes from their counters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from policy_router.decision.decide import decide
from policy_router.decision.facts import situation_of
from policy_router.decision.limits.amounts import share_output_cap
from policy_router.decision.limits.subjects import subject_of
from policy_router.domain.condition import Op
from policy_router.domain.condition import Test as Has
from policy_router.domain.facts import Vocabulary
from policy_router.domain.identity import storable
from policy_router.domain.limits import ANYONE, CounterKey, Limit, Metric, Reading, WhenExhausted
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.domain.windows import MINUTE
from policy_router.ledger.store import Attribution
from tests.generate import assemble, condition, situations

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Skip
    from tests.decision.test_decide import Situation

UTC = ZoneInfo("UTC")
NOW = 1_795_003_200.0
FREE = Model("free", "ollama_chat/a", "light", 0, FREE_PRICE, True, max_output=100)
PAID = Model("paid", "openai/b", "light", 0, Price(10**9, 10**10))
UNKNOWN = Model("unknown", "openai/c", "light", 0)
ALL = 0b111

VOCABULARY = Vocabulary((), ())
TAGGED = condition(Has(VOCABULARY.by_name["tags"], Op.HAS, ("vip",)), VOCABULARY)
VIP = Request(tags=frozenset({"vip"}))


def budget(limit: int | None = None, **more: object) -> Limit:
    meter = Limit(
        "budgets", "team", Metric.USD, Period.MONTH, limit, ALL, then=WhenExhausted.FREE_ONLY
    )
    return replace(meter, **more)  # type: ignore[arg-type]  # fields by name


def policy(*meters: Limit) -> Policy:
    return assemble((FREE, PAID, UNKNOWN), (), VOCABULARY, bands=(), meters=meters)


def outs(found: Policy, request: Request, snapshot: Snapshot | None = None) -> dict[str, str]:
    return {s.model: s.reason for s in decide(found, request, snapshot or Snapshot()).skipped}


@pytest.mark.parametrize(
    ("meters", "request_", "out"),
    [
        ((), Request(), {"paid": "uncovered", "unknown": "uncovered"}),
        ((budget(),), Request(), {}),
        ((budget(10**9),), Request(), {"unknown": "unpriced"}),
        ((budget(10**9, then=WhenExhausted.WARN),), Request(), {}),
        ((budget(10**9, metric=Metric.TOKENS),), Request(), {
            "paid": "uncovered", "unknown": "uncovered",
        }),
        ((budget(models=0b010),), Request(), {"unknown": "uncovered"}),
        ((budget(when=TAGGED),), Request(), {"paid": "uncovered", "unknown": "uncovered"}),
        ((budget(when=TAGGED),), VIP, {}),
        ((budget(), budget(10**9, name="vip", when=TAGGED)), VIP, {"unknown": "unpriced"}),
        ((budget(), budget(10**9, name="vip", when=TAGGED)), Request(), {}),
    ],
)  # fmt: skip
def test_a_paid_model_needs_a_budget(
    meters: tuple[Limit, ...], request_: Request, out: dict[str, str]
) -> None:
    assert outs(policy(*meters), request_) == out


ABLE = frozenset({"hosted_tools"})
HOSTED = Request(needs=ABLE)


@pytest.mark.parametrize(
    ("meters", "out"),
    [
        ((budget(),), {}),
        ((budget(10**9),), {"paid": "unpriced", "unknown": "unpriced"}),
        ((budget(10**9, then=WhenExhausted.WARN),), {}),
        ((budget(10**9, then=WhenExhausted.BLOCK),), {"paid": "unpriced", "unknown": "unpriced"}),
        ((budget(10**9, models=0b010),), {"paid": "unpriced", "unknown": "uncovered"}),
        ((budget(), budget(10**9, name="vip", when=TAGGED)), {}),
        ((budget(), budget(10**9, name="t", metric=Metric.TOKENS)), {
            "paid": "unpriced", "unknown": "unpriced",
        }),
        ((budget(), budget(10**9, name="t", metric=Metric.TOKENS, then=WhenExhausted.BLOCK)), {
            "free": "unpriced", "paid": "unpriced", "unknown": "unpriced",
        }),
        ((budget(), budget(10, section="limits", name="t", metric=Metric.REQUESTS)), {}),
    ],
)  # fmt: skip
def test_nothing_bounds_what_hosted_tools_come_to(
    meters: tuple[Limit, ...], out: dict[str, str]
) -> None:
    able = tuple(replace(m, abilities=ABLE) for m in (FREE, PAID, UNKNOWN))
    found = assemble(able, (), VOCABULARY, bands=(), meters=meters)
    assert outs(found, HOSTED) == out
    skips = decide(found, HOSTED).skipped
    words = "the cost of hosted tools is unknown, and budget `"
    assert all(s.detail.startswith(words) for s in skips if s.model == "paid")


OTHER = CounterKey.parse("budgets/other|usd|month||-")
SPENT = {budget().key("-"): Reading(10**9, NOW)}


@pytest.mark.parametrize(
    ("meter", "used", "out"),
    [
        (budget(10**9), SPENT, {"paid": "budget", "unknown": "unpriced"}),
        (budget(10**9, then=WhenExhausted.BLOCK), SPENT, {
            "free": "budget", "paid": "budget", "unknown": "unpriced",
        }),
        (budget(10**9, then=WhenExhausted.WARN), SPENT, {}),
        (budget(10**12), SPENT, {"unknown": "unpriced"}),
        (budget(10**9, per="user"), SPENT, {"paid": "budget", "unknown": "unpriced"}),
        (budget(10**9), {OTHER: Reading(10**10)}, {"unknown": "unpriced"}),
        (budget(10**9), {budget().key("-"): None}, {"paid": "state", "unknown": "unpriced"}),
    ],
)  # fmt: skip
def test_a_spent_budget(meter: Limit, used: dict[CounterKey, Reading], out: dict[str, str]) -> None:
    assert outs(policy(meter), Request(), Snapshot(NOW, used=used)) == out


def test_a_full_limit_says_when_it_opens() -> None:
    limit = Limit("limits", "each", Metric.REQUESTS, MINUTE, 3, 0b001, per="user")
    found = policy(budget(), limit)
    used = {limit.key("anna"): Reading(3, NOW + 5), limit.key("-"): Reading(3)}
    skips = decide(found, Request(user="anna"), Snapshot(NOW, used=used)).skipped
    assert [(s.model, s.reason, s.detail, s.until) for s in skips] == [
        ("free", "rate_limit", "limit `each`: 3 of 3 requests a minute used", NOW + 5)
    ]
    assert outs(found, Request(user="bob"), Snapshot(NOW, used=used)) == {}
    unread = {limit.key("-"): None}
    assert outs(found, Request(), Snapshot(NOW, used=unread)) == {}


def test_what_does_not_fit_any_more_is_worded() -> None:
    found = policy(budget(10**9))
    used = {budget().key("-"): Reading(10**9 - 1)}
    skips = decide(found, Request(tokens=1), Snapshot(NOW, used=used)).skipped
    words = {s.model: s.detail for s in skips}
    assert words["paid"] == (
        "budget `team`: $1.00 of $1.00 a month used, this request may use $0.040961"
    )


def test_limits_of_a_condition_bind_only_where_it_holds() -> None:
    limit = Limit("limits", "vip", Metric.CONCURRENT, None, 1, ALL, when=TAGGED)
    found = policy(budget(), limit)
    snapshot = Snapshot(NOW, used={limit.key("-"): Reading(1)})
    assert outs(found, Request(), snapshot) == {}
    assert set(outs(found, VIP, snapshot).values()) == {"rate_limit"}


# -- charges -------------------------------------------------------------------------------------


HOURLY = condition(Has(VOCABULARY.by_name["hour"], Op.LT, (24,)), VOCABULARY)


def test_a_budget_by_the_clock_is_read_by_the_clock() -> None:
    found = policy(budget(when=HOURLY))
    assert outs(found, Request(), Snapshot(NOW)) == {}
    assert outs(found, Request(), Snapshot()) == {"paid": "uncovered", "unknown": "uncovered"}
    limit = Limit("limits", "all", Metric.REQUESTS, MINUTE, 1, ALL, when=HOURLY)
    assert taken(policy(limit), Request(), 0) == [("limits/all|requests|min||-", 1, True)]


def taken(found: Policy, request: Request, model: int) -> list[tuple[str, int, bool]]:
    facts = situation_of(found, request, NOW).facts
    assert facts is not None
    charges = found.limit_index.charges(facts, request, model, now=NOW, zone=UTC)
    return [(c.counter.id, c.amount, c.refuses) for c in charges]


def test_what_an_attempt_takes() -> None:
    tokens = Limit("budgets", "words", Metric.TOKENS, Period.DAY, 10**6, ALL, per="tenant")
    seats = Limit("models", "paid", Metric.CONCURRENT, None, 4, 0b010)
    found = policy(seats, tokens, budget(10**9), budget(10**8, name="vip", when=TAGGED))
    request = Request(tokens=100, max_input_tokens=1000, max_tokens=50, answers=2, tenant="acme")
    assert taken(found, request, 1) == [
        ("models/paid|concurrent|||-", 1, True),
        ("budgets/words|tokens|day|2026-11-18|acme", 1100, True),
        ("budgets/team|usd|month|2026-11|-", 2_000_000, True),
    ]
    # A free model spends no money; a budget of tokens counts it, too.
    assert taken(found, request, 0) == [("budgets/words|tokens|day|2026-11-18|acme", 1100, True)]
    capped = replace(request, max_tokens=None)
    assert taken(found, capped, 0)[0][1] == 1000 + 2 * 100
    assert taken(found, capped, 1)[1][1] == 1000 + 2 * 4096


ROOMY = replace(FREE, max_output=None, context=100_000)


def limited(limit: int, **more: Any) -> Policy:
    meter = Limit("models", "free", Metric.TOKENS, MINUTE, limit, 0b001, **more)
    return assemble((ROOMY,), (), VOCABULARY, bands=(), meters=(meter,))


def capped(found: Policy, request: Request) -> tuple[int, ...]:
    facts = situation_of(found, request, NOW).facts
    assert facts is not None
    return found.limit_index.output_caps(facts, request, 0)


@pytest.mark.parametrize(
    ("limit", "request_", "amount", "caps"),
    [
        # An answer that sets no cap takes a quarter of a limit at the most, if that is of use.
        (1_000_000, Request(tokens=100, max_input_tokens=1_000), 1_000 + 4_096, (100_000, 4_096)),
        (100_000, Request(tokens=100, max_input_tokens=1_000), 1_000 + 4_096, (24_000, 4_096)),
        (10_000, Request(tokens=100, max_input_tokens=1_000), 1_000 + 4_096, (4_096,)),
        # Less than it wants: the answer is capped to what fits.
        (3_000, Request(tokens=100, max_input_tokens=1_000), 3_000, (2_000,)),
        (3_000, Request(tokens=100, max_input_tokens=1_000, answers=2), 3_000, (1_000,)),
        # Not even the bound of the prompt fits: its estimate counts.
        (1_000, Request(tokens=100, max_input_tokens=1_000), 1_000, (900,)),
        (1_000, Request(tokens=900, max_input_tokens=3_000), 900 + 256, (256,)),
        # What the request asks for is kept, and refused.
        (1_000, Request(tokens=100, max_input_tokens=500, max_tokens=4_000), 4_500, (4_000,)),
    ],
)
def test_a_limit_of_tokens_has_room_for_one_request(
    limit: int, request_: Request, amount: int, caps: tuple[int, ...]
) -> None:
    found = limited(limit)
    assert taken(found, request_, 0)[0][1] == amount
    assert capped(found, request_) == caps


def test_only_limits_that_refuse_cap_an_answer() -> None:
    request = Request(tokens=100)
    free = (100_000, 4_096)
    assert capped(limited(1_000), request) == (900,)
    assert capped(limited(1_000, then=WhenExhausted.WARN), request) == free
    assert capped(limited(1_000, then=WhenExhausted.FREE_ONLY), request) == free
    assert capped(limited(1_000, when=TAGGED), request) == free
    assert capped(limited(1_000, when=TAGGED), replace(request, tags=VIP.tags)) == (900,)
    others = Limit("models", "b", Metric.TOKENS, MINUTE, 1_000, 0b010)
    found = assemble((ROOMY, PAID), (), VOCABULARY, bands=(), meters=(others, budget()))
    assert capped(found, request) == free
    endless = Limit("budgets", "b", Metric.TOKENS, Period.DAY, None, 0b001)
    found = assemble((ROOMY,), (), VOCABULARY, bands=(), meters=(endless,))
    assert capped(found, request) == free
    assert taken(found, request, 0)[0][1] == 100 + 4_096


@pytest.mark.parametrize(
    ("limit", "price", "caps"),
    [
        (10**9, Price(10**9, 10**10), (24_990, 4_096)),
        (10**12, Price(10**9, 10**10), (100_000, 4_096)),
        (10**8, Price(10**9, 10**10), (4_096,)),
        (10**9, Price(10**9, 0), (100_000, 4_096)),
        (10**9, None, (4_096,)),
    ],
)
def test_an_answer_takes_no_more_than_its_share_of_a_budget(
    limit: int, price: Price | None, caps: tuple[int, ...]
) -> None:
    paid = replace(PAID, max_output=None, context=100_000, price=price)
    meters = (budget(limit, then=WhenExhausted.BLOCK, models=0b001),)
    found = assemble((paid,), (), VOCABULARY, bands=(), meters=meters)
    assert capped(found, Request(tokens=100)) == caps


def test_embeddings_have_no_answer_to_cap() -> None:
    request = Request(tokens=10, answers=0, largest_input=10, needs={"embeddings"})
    assert share_output_cap(budget(10), PAID, request) == 1_000_000


def test_pictures_are_reserved_as_their_model_counts_them() -> None:
    seeing = replace(ROOMY, picture=40_000, thumbnail=2_000)
    meter = Limit("models", "free", Metric.TOKENS, MINUTE, 10**6, 0b001)
    found = assemble((seeing,), (), VOCABULARY, bands=(), meters=(meter,))
    request = Request(tokens=10, max_tokens=1, pictures=2, thumbnails=3)
    assert taken(found, request, 0)[0][1] == 10 + 2 * 40_000 + 3 * 2_000 + 1


def test_a_budget_that_blocks_asks_free_models_for_nothing_but_asks() -> None:
    blocking = policy(budget(10**9, then=WhenExhausted.BLOCK))
    assert [(amount, refuses) for _, amount, refuses in taken(blocking, Request(), 0)] == [
        (0, True)
    ]
    warning = policy(budget(10**9, then=WhenExhausted.WARN))
    assert [refuses for _, _, refuses in taken(warning, Request(tokens=1), 1)] == [False]


def test_a_long_subject_is_shortened_and_stays_its_own() -> None:
    limit = Limit("limits", "each", Metric.REQUESTS, MINUTE, 3, 0b001, per="user")
    found = policy(budget(), limit)
    keys = {taken(found, Request(user="x" * 500 + end), 0)[0][0] for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) < 200 for key in keys)


def test_a_subject_is_the_same_for_a_request_and_for_what_the_ledger_keeps_of_it() -> None:
    meter = Limit("limits", "each", Metric.REQUESTS, MINUTE, 3, ALL, per="user")
    users = ("ada", "änna", "a\\b", "\ud800", "\ud801", "x" * 500 + "\ud800", "\ud800" * 60)
    subjects = [subject_of(meter, Request(user=user)) for user in users]
    assert len(set(subjects)) == len(users)
    assert subjects == [subject_of(meter, Attribution(user=storable(user))) for user in users]
    assert subjects[:3] == list(users[:3])
    assert all(subject.encode() for subject in subjects)


def test_a_key_is_in_no_counters_name() -> None:
    meter = Limit("limits", "each", Metric.REQUESTS, MINUTE, 3, ALL, per="key")
    keys = ("sk-a-secret", "sk-another", "\ud800" * 500)
    subjects = [subject_of(meter, Request(key=key)) for key in keys]
    assert len(set(subjects)) == len(keys)
    assert not any(key in subject for key, subject in zip(keys, subjects, strict=True))
    assert subjects == [subject_of(meter, Attribution(key=subject)) for subject in subjects]
    assert subject_of(meter, Request()) == ANYONE


def test_what_is_worth_reading() -> None:
    found = policy(
        budget(),
        budget(10**9, name="capped"),
        budget(10**9, name="told", then=WhenExhausted.WARN),
        Limit("limits", "vip", Metric.CONCURRENT, None, 1, ALL, when=TAGGED),
        Limit("limits", "tokens", Metric.TOKENS, MINUTE, 10**6, ALL),
        budget(10**9, name="nobody", models=0b001),
    )
    request = Request(tokens=10)
    facts = situation_of(found, request, NOW).facts
    assert facts is not None
    uses = found.limit_index.counters_to_read(facts, request, NOW, UTC)
    assert [(str(key), charge.amount) for key, charge in uses] == [
        ("budgets/capped|usd|month||-", 40_970_000),  # the most that any may take
        ("limits/tokens|tokens|min||-", 110),
    ]


def test_a_period_that_is_over_refuses_every_model_without_room() -> None:
    """One model fits and another does not: both are asked about in one reading."""
    meter = budget(50_000_000, then=WhenExhausted.BLOCK)
    found = policy(meter)
    request = Request(tokens=1)
    facts = situation_of(found, request, NOW).facts
    assert facts is not None
    ((name, charge),) = found.limit_index.counters_to_read(facts, request, NOW, UTC)
    assert charge.amount == 40_961_000
    used = {name: Reading(20_000_000, NOW + 99)}
    (skip,) = (
        s for s in decide(found, request, Snapshot(NOW, used=used)).skipped if s.model == "paid"
    )
    assert (skip.reason, skip.until) == ("budget", NOW + 99)
    larger = Request(tokens=10_000)
    ((_, charge),) = found.limit_index.counters_to_read(facts, larger, NOW, UTC)
    assert charge.amount == 0  # what exceeds the limit by itself has room at no time
    used = {name: Reading(50_000_000, NOW + 99)}
    until = {s.model: s.until for s in decide(found, larger, Snapshot(NOW, used=used)).skipped}
    assert (until["free"], until["paid"]) == (NOW + 99, None)


def test_an_invalid_request_has_no_facts() -> None:
    situation = situation_of(policy(), Request(task="nonsense"), None)
    assert situation.facts == ()
    assert situation.problem == "unknown task `nonsense`: the policy has none"


def test_headroom_is_the_share_left_of_the_fullest_count() -> None:
    limit = Limit("limits", "each", Metric.REQUESTS, MINUTE, 4, 0b011)
    found = policy(budget(), limit, budget(10**9, name="capped", models=0b010))
    capped = CounterKey.parse("budgets/capped|usd|month||-")
    used = {limit.key("-"): Reading(1), capped: Reading(9 * 10**8)}
    facts = situation_of(found, Request(), NOW).facts
    assert facts is not None
    left = found.limit_index.headroom(facts, Request(), Snapshot(NOW, used=used))
    assert left == pytest.approx((0.75, 0.1, 1.0))


@given(situations())
def test_what_is_counted_never_adds_a_candidate(situation: Situation) -> None:
    found, request, snapshot = situation
    request = replace(request, max_candidates=None)
    idle = replace(snapshot, used={})
    before = {c.name for c in decide(found, request, idle).candidates}
    assert {c.name for c in decide(found, request, snapshot).candidates} <= before


@given(situations())
def test_advice_and_charges_agree(situation: Situation) -> None:
    """A model is out for a count exactly when its charge and the reading would not fit."""
    found, request, snapshot = situation
    facts = situation_of(found, request, snapshot.now).facts
    assert facts is not None
    decision = decide(found, replace(request, max_candidates=None), snapshot)
    counted = {"rate_limit", "budget"}
    out: dict[str, Skip] = {s.model: s for s in decision.skipped}
    for i, model in enumerate(found.models):
        charges = found.limit_index.charges(facts, request, i, now=NOW, zone=UTC)
        full = False
        for charge in charges:
            reading = snapshot.used.get(charge.counter.key._replace(period=""))
            full |= reading is not None and charge.exceeds(reading.used)
        skip = out.get(model.name)
        if skip is None:
            assert not full
        elif skip.reason in counted:
            assert full


def test_headroom_spreads_what_is_free() -> None:
    models = tuple(replace(FREE, name=name) for name in ("a", "b", "c"))
    limits = tuple(
        Limit("models", m.name, Metric.REQUESTS, Period.DAY, 10, 1 << i)
        for i, m in enumerate(models)
    )
    found = assemble(
        models, (), VOCABULARY, bands=(), meters=limits, prefer=(SortKey.FREE, SortKey.HEADROOM)
    )

    def order(*used: int) -> list[tuple[str, str]]:
        shown = {m.key("-"): Reading(n) for m, n in zip(limits, used, strict=True)}
        decision = decide(found, Request(), Snapshot(NOW, used=shown))
        return [(c.name, c.detail) for c in decision.candidates]

    assert order(5, 2, 9) == [
        ("b", "most quota left"),
        ("a", "less quota left"),
        ("c", "less quota left"),
    ]
    assert order(2, 2, 2) == [(name, "written order") for name in "abc"]
    assert order(10, 9, 10) == [("b", "the only model left")]
    assert [c.name for c in decide(found, Request()).candidates] == ["a", "b", "c"]


def test_a_cap_on_the_answer_bounds_what_is_reserved() -> None:
    found = policy(budget(10**9))
    request = Request(tokens=1)
    facts = situation_of(found, request, NOW).facts
    position = found.position("paid")
    amounts = [
        found.limit_index.charges(
            facts, request, position, now=NOW, zone=UTC, output_cap=output_cap
        )[0].amount
        for output_cap in (None, 100, 10)
    ]
    assert amounts == sorted(amounts, reverse=True)
    assert len(set(amounts)) == 3
