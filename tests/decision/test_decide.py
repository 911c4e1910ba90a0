"""Laws of the decision, and its agreement with the plain reference."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from math import isnan, nextafter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.base_errors import UsageError
from policy_router.decision.abilities import ABILITIES
from policy_router.decision.decide import decide
from policy_router.decision.policy import Policy
from policy_router.domain.complexity import Band
from policy_router.domain.condition import Op
from policy_router.domain.condition import Test as Has
from policy_router.domain.decision import Reason
from policy_router.domain.facts import Vocabulary
from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule, Task
from policy_router.domain.snapshot import Snapshot
from tests import reference
from tests.generate import BANDS, TIERS, assemble, condition, requests, rules, situations

Situation = tuple[Policy, Request, Snapshot]


@settings(max_examples=400, deadline=None)
@given(situations())
def test_agrees_with_the_plain_reference(situation: Situation) -> None:
    policy, request, snapshot = situation
    decision = decide(policy, request, snapshot)
    expected = reference.decide(policy, request, snapshot)
    assert tuple(c.name for c in decision.candidates) == expected.candidates
    assert tuple(c.prompt for c in decision.candidates) == expected.prompts
    assert {s.model: s.reason.value for s in decision.skipped} == expected.out
    assert decision.rules == expected.rules
    assert decision.denied == expected.denied
    shadow = [(s.name, s.removed, s.first, s.denied) for s in decision.shadow]
    assert tuple(shadow) == expected.shadow


@settings(max_examples=200, deadline=None)
@given(situations())
def test_candidates_and_skipped_are_all_models_once(situation: Situation) -> None:
    policy, request, snapshot = situation
    decision = decide(policy, request, snapshot)
    told = [c.name for c in decision.candidates] + [s.model for s in decision.skipped]
    assert sorted(told) == sorted(m.name for m in policy.models)
    assert all(c.placed_by and c.detail for c in decision.candidates)
    assert all(s.detail for s in decision.skipped)


@settings(max_examples=200, deadline=None)
@given(situations())
def test_the_same_question_has_the_same_answer(situation: Situation) -> None:
    policy, request, snapshot = situation
    assert decide(policy, request, snapshot) == decide(policy, request, snapshot)


@settings(max_examples=200, deadline=None)
@given(situations(), st.data())
def test_one_more_rule_never_adds_a_candidate(situation: Situation, data: st.DataObject) -> None:
    policy, request, snapshot = situation
    before = {c.name for c in decide(policy, request, snapshot).candidates}
    more = data.draw(rules(1, len(policy.models), policy.vocabulary))
    extra = replace(more[0], name="one more", first=(), min_tier=None)
    longer = replace(policy, rules=(*policy.rules, extra))
    unlimited = replace(request, max_candidates=None)
    before = {c.name for c in decide(policy, unlimited, snapshot).candidates}
    assert {c.name for c in decide(longer, unlimited, snapshot).candidates} <= before


@settings(max_examples=200, deadline=None)
@given(situations())
def test_the_callers_own_criteria_only_narrow(situation: Situation) -> None:
    policy, request, snapshot = situation
    bare = replace(
        request,
        max_cost=None,
        max_price=None,
        max_latency=None,
        min_quality=None,
        model=None,
        max_candidates=None,
    )
    allowed = {c.name for c in decide(policy, bare, snapshot).candidates}
    assert {c.name for c in decide(policy, request, snapshot).candidates} <= allowed


@settings(max_examples=200, deadline=None)
@given(situations())
def test_the_state_only_excludes_models(situation: Situation) -> None:
    policy, request, snapshot = situation
    unlimited = replace(request, max_candidates=None)
    calm = {c.name for c in decide(policy, unlimited, replace(snapshot, cooling={})).candidates}
    assert {c.name for c in decide(policy, unlimited, snapshot).candidates} <= calm


@settings(max_examples=200, deadline=None)
@given(situations())
def test_free_first_puts_no_paid_model_before_a_free_one_of_its_group(
    situation: Situation,
) -> None:
    policy, request, snapshot = situation
    request = replace(request, prefer=(SortKey.FREE, SortKey.QUALITY))
    candidates = decide(policy, request, snapshot).candidates
    keyed = [c for c in candidates if c.placed_by not in ("first", "step_down", "last")]
    paid_from = next((i for i, c in enumerate(keyed) if not c.model.free), len(keyed))
    assert not any(c.model.free for c in keyed[paid_from:])


def model(name: str, rank: int = 0, **more: object) -> Model:
    return replace(Model(name, f"openai/{name}", TIERS[rank], rank), **more)  # type: ignore[arg-type]  # fields by name


def policy_of(*models: Model, **more: object) -> Policy:
    tasks = more.pop("tasks", ())
    found = more.pop("rules", ())
    vocabulary = Vocabulary([t.name for t in tasks], [b.name for b in BANDS])  # type: ignore[attr-defined]  # a tuple of tasks
    return assemble(models, found, vocabulary, tasks=tasks, **more)  # type: ignore[arg-type]  # by name


SMALL = model("small", price=FREE_PRICE, free=True, context=100, tags=frozenset({"local"}))
BIG = model(
    "big", 2, price=Price(10**9, 2 * 10**9), context=1000, abilities=frozenset({"tools"}),
    latency=2.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(task="cod"), "unknown task `cod`; did you mean `code`?"),
        (Request(complexity="stiff"), "the known ones are `easy`, `medium`, `hard`"),
        (Request(complexity=1.5), "`complexity` must be a score from 0 to 1, not `1.5`"),
        (Request(complexity=float("nan")), "`complexity` must be a score from 0 to 1, not `nan`"),
        (Request(tokens=-1), "`tokens` must be from 0 to 1,000,000,000, not `-1`"),
        (Request(max_tokens=0), "`max_tokens` must be from 1 to 1,000,000,000, not `0`"),
        (Request(max_input_tokens=-1), "`max_input_tokens` must be from 0 to 1,000,000,000"),
        (Request(answers=-1), "`answers` must be from 0 to 1,024, not `-1`"),
        (Request(largest_input=-1), "`largest_input` must be from 0 to 1,000,000,000, not `-1`"),
        (Request(answers=1025), "`answers` must be from 0 to 1,024, not `1025`"),
        (Request(max_tokens=10**9 + 1), "`max_tokens` must be from 1 to 1,000,000,000"),
        (Request(needs={"fly"}), "unknown ability `fly`: the known ones are "),
        (Request(model="medium"), "unknown model `medium`: the known ones are `small`, `big`"),
        (Request(prefer=("cheap",)), "unknown sort key `cheap`; did you mean `cheapest`?"),
        (Request(attributes={"plan": "pro"}), "unknown attribute `plan`: the policy has none"),
        (Request(attributes={"tokens": 5}), "unknown attribute `tokens`"),
    ],
)
def test_a_request_that_makes_no_sense_is_denied(request_: Request, words: str) -> None:
    policy = policy_of(SMALL, BIG, tasks=(Task("code"),))
    decision = decide(policy, request_)
    assert decision.invalid
    assert words in str(decision.denied)
    assert not decision.candidates
    assert [s.reason for s in decision.skipped] == [Reason.DENIED] * 2


def test_attributes_have_types() -> None:
    from tests.generate import ATTRIBUTES

    policy = assemble((SMALL,), (), Vocabulary((), (), ATTRIBUTES), bands=())
    cases: list[tuple[str, object, str | None]] = [
        ("plan", "gold", "unknown value of `plan` `gold`: the known ones are `free`, `pro`"),
        ("plan", True, "unknown value of `plan` `True`"),
        ("internal", "yes", "`internal` must be a boolean, not `yes`"),
        ("age", "old", "`age` must be a number, not `old`"),
        ("age", True, "`age` must be a number, not `True`"),
        ("age", float("nan"), "`age` must be a number, not `nan`"),
        ("region", 5, "`region` must be a string, not `5`"),
        ("plan", "pro", None),
        ("internal", False, None),
        ("age", 0.5, None),
        ("region", "eu", None),
    ]
    for name, value, words in cases:
        decision = decide(policy, Request(attributes={name: value}))  # type: ignore[dict-item]  # wrong on purpose
        assert (words is None) == (decision.denied is None), (name, value)
        assert words is None or words in str(decision.denied)


@pytest.mark.parametrize(
    ("request_", "reason", "detail"),
    [
        (Request(tokens=101), Reason.CONTEXT, "context of 100 tokens is too small"),
        (Request(needs={"tools"}), Reason.ABILITY, "does not support tools"),
        (Request(model="big"), Reason.MODEL, "the request allows only `big`"),
        (Request(max_latency=2.0), Reason.LATENCY, "latency of `small` is unknown"),
        (
            Request(min_quality=0.6),
            Reason.QUALITY,
            "quality of 0.5 is below the `min_quality` of 0.6",
        ),
    ],
)
def test_a_skip_says_why(request_: Request, reason: Reason, detail: str) -> None:
    skip = decide(policy_of(SMALL, BIG), request_).skipped[0]
    assert (skip.model, skip.reason) == ("small", reason)
    assert detail in skip.detail


def test_a_price_limit_counts_the_typical_answer_or_the_cap() -> None:
    policy = policy_of(BIG, model("unknown"))
    # 100 tokens in at $1/M and 300 out at $2/M are $0.0007.
    assert [c.name for c in decide(policy, Request(tokens=100, max_cost=0.0007)).candidates] == [
        "big"
    ]
    dear = decide(policy, Request(tokens=100, max_cost=0.000699999))
    assert "estimated at $0.0007 for an answer of 300 tokens, above" in dear.skipped[0].detail
    assert "price of `unknown` is unknown" in dear.skipped[1].detail
    capped = decide(policy, Request(tokens=100, max_tokens=200, max_cost=0.0005))
    assert [c.name for c in capped.candidates] == ["big"]
    assert "estimated at $0.0005, above the `max_cost` of $0.000000001" in decide(
        policy, Request(tokens=100, max_tokens=200, max_cost=1e-9)
    ).skipped[0].detail  # fmt: skip


def test_latency_and_quality_limits() -> None:
    policy = policy_of(BIG, model("slow", latency=9.0))
    assert decide(policy, Request(max_latency=3.0)).skipped[0].detail == (
        "latency of 9 s is above the `max_latency` of 3 s"
    )


def test_cooling_models_are_out_until_their_time() -> None:
    policy = policy_of(SMALL, BIG)
    hot = decide(policy, Request(), Snapshot(100.0, {"small": 160.0, "gone": 500.0}))
    assert [(s.model, s.reason, s.until) for s in hot.skipped] == [("small", Reason.COOLING, 160.0)]
    assert not decide(policy, Request(), Snapshot(160.0, {"small": 160.0})).skipped
    assert decide(policy, Request(), Snapshot(None, {"small": 1.0})).skipped


def test_weaker_models_step_in_last_or_not_at_all() -> None:
    tasks = (Task("code", min_tier=2, first=("small",)),)
    policy = policy_of(SMALL, BIG, tasks=tasks)
    decision = decide(policy, Request(task="code"))
    assert [(c.name, c.placed_by) for c in decision.candidates] == [
        ("big", "only candidate"),
        ("small", "step_down"),
    ]
    assert "below tier `heavy`" in decision.candidates[1].detail
    strict = policy_of(SMALL, BIG, tasks=tasks, fallback=Fallback(step_down=False))
    skip = decide(strict, Request(task="code")).skipped[0]
    assert (skip.reason, skip.detail) == (
        Reason.TIER,
        "below tier `heavy`, the `min_tier` of task `code`",
    )
    by_band = decide(strict, Request(complexity="hard")).skipped[0]
    assert "the `min_tier` of band `hard`" in by_band.detail
    by_rule = policy_of(
        SMALL, BIG, rules=(Rule("hard", None, min_tier=2),), fallback=Fallback(step_down=False)
    )
    assert "the `min_tier` of rule `hard`" in decide(by_rule, Request()).skipped[0].detail


ODD: tuple[object, ...] = (
    None, True, -1, 0, 10**400, 10**5000, 1.5, float("nan"), float("inf"), "", "5", b"x", ["x"],
    {"x"}, {"x": 1}, object(),
)  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Request)])
def test_every_request_has_a_decision(name: str) -> None:
    """It is denied, or used as it is; a number that is none lets nothing pass."""
    policy = policy_of(SMALL, BIG, rules=(Rule("r", None, first=("big",)),))
    for odd in ODD:
        try:
            request = Request(**{name: odd})  # type: ignore[arg-type]  # whatever
        except UsageError as refused:
            assert f"`{name}`" in str(refused) or name == "attributes"  # noqa: PT017  either way is right
            continue
        decision = decide(policy, request)
        assert decision.invalid == bool(decision.denied)
        if isinstance(odd, float) and isnan(odd):
            assert decision.invalid


@pytest.mark.parametrize("now", [-1.0, 1e18, 1_795_003_200_000.0, float("nan"), float("inf")])
def test_a_moment_that_is_none_is_not_guessed(now: float) -> None:
    vocabulary = Vocabulary((), ())
    early = condition(Has(vocabulary.by_name["hour"], Op.LT, (8,)), vocabulary)
    policy = policy_of(SMALL, rules=(Rule("early", early, deny="too early"),))
    decision = decide(policy, Request(), Snapshot(now))
    assert decision.invalid
    assert "`now` must be a Unix time in seconds" in str(decision.denied)
    assert decide(policy_of(SMALL), Request(), Snapshot(now)).candidates


def test_known_words_are_named_in_one_order() -> None:
    policy = policy_of(SMALL)
    needs = decide(policy, Request(needs=frozenset({"sight"}))).denied
    assert ", ".join(f"`{word}`" for word in ABILITIES) in str(needs)
    keys = ", ".join(f"`{key}`" for key in SortKey)
    assert f"the known ones are {keys}" in str(decide(policy, Request(prefer=("x",))).denied)


def test_each_place_in_the_order_has_its_reason() -> None:
    pool = (
        model("paid-dear", 1, price=Price(5, 5)),
        model("paid-cheap", 1, price=Price(1, 1)),
        model("free", 1, price=FREE_PRICE, free=True),
        model("picked", 1, price=Price(9, 9)),
        model("twin", 1, price=Price(5, 5)),
        model("large", 2, price=Price(1, 1)),
        model("weak", 0, price=FREE_PRICE, free=True),
    )
    rule = Rule("pick it", None, first=("picked", "weak"), min_tier=1)
    policy = policy_of(*pool, rules=(rule,))
    assert [(c.name, c.placed_by, c.detail) for c in decide(policy, Request()).candidates] == [
        ("picked", "first", "put first by rule `pick it`"),
        ("free", "free", "free first"),
        ("paid-cheap", "free", "paid, after the free ones"),
        ("paid-dear", "cheapest", "next cheapest"),
        ("twin", "written order", "written order"),
        ("large", "smallest", "larger tier"),
        ("weak", "step_down", "last resort: below tier `standard`"),
    ]


def test_a_lone_model_is_explained() -> None:
    assert decide(policy_of(SMALL), Request()).candidates[0].detail == "the only model left"
    beside = policy_of(SMALL, BIG, rules=(Rule("r", None, first=("big",)),))
    assert decide(beside, Request()).candidates[1].detail == "the only other model"


@pytest.mark.parametrize("key", list(SortKey))
def test_every_sort_key_sorts(key: SortKey) -> None:
    better = model(
        "better", 0, price=FREE_PRICE, free=True, quality=0.9, latency=1.0,
        tags=frozenset({"local"}),
    )  # fmt: skip
    worse = model("worse", 1, price=Price(1, 1), quality=0.1)
    order = [c.name for c in decide(policy_of(worse, better, prefer=(key,)), Request()).candidates]
    known = key not in (
        SortKey.RELIABLE,
        SortKey.VALUE,
        SortKey.HEADROOM,
        SortKey.SPREAD,
        SortKey.SAME_MODEL,
    )  # nothing is known of these without outcomes, a worth, a store, a seed and a third model
    assert order == (["better", "worse"] if known else ["worse", "better"])


def test_cheapest_follows_the_shape_of_the_request() -> None:
    reader = model("reader", price=Price(1, 9))
    writer = model("writer", price=Price(2, 3))
    policy = policy_of(reader, writer, prefer=(SortKey.CHEAPEST,))

    def first(tokens: int, output: int) -> str:
        request = Request(tokens=tokens, max_tokens=output)
        return decide(policy, request).candidates[0].name

    assert first(1000, 1) == "reader"
    assert first(1, 1000) == "writer"
    assert first(6, 1) == "reader"  # equal cost: written order
    assert first(5, 1) == "writer"
    assert first(7, 1) == "reader"
    swapped = policy_of(writer, reader, prefer=(SortKey.CHEAPEST,))
    assert decide(swapped, Request(tokens=6, max_tokens=1)).candidates[0].name == "writer"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**9), st.data())
def test_cheapest_is_exact_at_any_size(tokens: int, output: int, data: st.DataObject) -> None:
    amounts = st.integers(0, 10**6)
    pool = [model(f"m{i}", price=Price(data.draw(amounts), data.draw(amounts))) for i in range(6)]
    policy = policy_of(*pool, prefer=(SortKey.CHEAPEST,))
    got = [c.name for c in decide(policy, Request(tokens=tokens, max_tokens=output)).candidates]

    def cost(m: Model) -> int:
        assert m.price is not None
        return tokens * m.price.input + output * m.price.output

    assert got == [m.name for m in sorted(pool, key=cost)]


def test_the_order_does_not_depend_on_earlier_requests() -> None:
    # Without input both cost the same: 10 tokens out at one price.
    policy = policy_of(
        model("dear", price=Price(2, 5)),
        model("cheap", price=Price(1, 5)),
        prefer=(SortKey.CHEAPEST,),
    )
    found = [
        [c.name for c in decide(policy, Request(tokens=tokens, max_tokens=10)).candidates]
        for tokens in (0, 100, 0)
    ]
    assert found == [["dear", "cheap"], ["cheap", "dear"], ["dear", "cheap"]]


def test_more_models_than_a_byte_can_number() -> None:
    pool = tuple(model(f"m{i}", i % 3, quality=i * 7 % 300 / 300) for i in range(300))
    rules = (
        Rule("no thirds", None, avoid=tuple(m.name for m in pool[::3])),
        Rule("lift", None, first=("m299", "m1"), min_tier=1),
    )
    policy = policy_of(*pool, rules=rules, prefer=(SortKey.QUALITY,))
    decision = decide(policy, Request())
    expected = reference.decide(policy, Request(), Snapshot())
    assert tuple(c.name for c in decision.candidates) == expected.candidates
    assert {s.model: s.reason.value for s in decision.skipped} == expected.out


def test_deny_outranks_everything() -> None:
    found = (Rule("no", None, deny="not here"), Rule("also", None, deny="nor there"))
    decision = decide(policy_of(SMALL, rules=found), Request())
    assert decision.denied == "not here"
    assert not decision.invalid
    assert decision.rules == ("no", "also")


def test_bands_begin_where_they_say() -> None:
    policy = policy_of(SMALL)
    found = [decide(policy, Request(complexity=score)) for score in (0, 0.29, 0.3, 0.7, 1)]
    assert [d.complexity for d in found] == ["easy", "easy", "medium", "hard", "hard"]
    assert decide(policy, Request(complexity="medium")).score == 0.3
    gap = assemble((SMALL,), (), Vocabulary((), ()), bands=(Band("late", 0.5),))
    assert decide(gap, Request(complexity=0.4)).complexity is None


LEVELS = tuple(Band(f"level_{n + 1}", 0.0 if n == 0 else nextafter(n / 10, 1)) for n in range(10))


@pytest.mark.parametrize("level", range(1, 11))
def test_a_level_and_its_tenth_are_the_same(level: int) -> None:
    policy = assemble((SMALL,), (), Vocabulary((), [b.name for b in LEVELS]), bands=LEVELS)
    whole = decide(policy, Request(complexity=level))
    share = decide(policy, Request(complexity=level / 10))
    assert (whole.complexity, whole.score) == (f"level_{level}", level / 10)
    assert (share.complexity, share.score) == (whole.complexity, whole.score)
    above = decide(policy, Request(complexity=nextafter(level / 10, 2)))
    assert above.complexity == f"level_{level + 1}" if level < 10 else above.invalid


@pytest.mark.parametrize("score", [11, 7.5, -1])
def test_what_is_neither_a_level_nor_a_score(score: float) -> None:
    policy = assemble((SMALL,), (), Vocabulary((), [b.name for b in LEVELS]), bands=LEVELS)
    expected = "a score from 0 to 1 or a level from 1 to 10"
    denied = decide(policy, Request(complexity=score)).denied
    assert denied == f"`complexity` must be {expected}, not `{score}`"
    assert decide(policy, Request(complexity=0)).complexity == "level_1"


def test_hosted_tools_under_a_limit_of_money() -> None:
    able = frozenset({"tools", "hosted_tools"})
    policy = policy_of(SMALL, model("able", price=Price(1, 1), abilities=able))
    wanted = decide(policy, Request(needs={"hosted_tools"}))
    assert [c.name for c in wanted.candidates] == ["able"]
    assert wanted.skipped[0].detail == "does not support hosted_tools"
    capped = decide(policy, Request(needs={"hosted_tools"}, max_cost=1000))
    assert not capped.candidates
    assert {s.reason for s in capped.skipped} == {Reason.COST}
    assert "the cost of hosted tools is unknown" in capped.skipped[1].detail


def test_the_cost_of_a_decision() -> None:
    decision = decide(policy_of(SMALL, BIG, model("unknown")), Request(tokens=1_000_000))
    costs = [decision.cost_usd(m) for m in (SMALL, BIG, model("unknown"))]
    assert costs == [0, Decimal("1.0006"), None]


@settings(max_examples=50, deadline=None)
@given(situations(), st.data())
def test_unrelated_models_do_not_matter(situation: Situation, data: st.DataObject) -> None:
    policy, _, snapshot = situation
    request = data.draw(requests(policy))
    wider = replace(policy, models=(*policy.models, model("bystander", 0)))
    request = replace(request, max_candidates=None)
    before = [c.name for c in decide(policy, request, snapshot).candidates]
    after = [c.name for c in decide(wider, request, snapshot).candidates]
    assert [name for name in after if name != "bystander"] == before


def test_a_fixed_cap_on_the_answer_counts_as_if_every_request_set_it() -> None:
    price = Price(10**9, 10**9)
    plain = Model("plain", "openai/a", "light", 0, price, context=100)
    fixed = Model("fixed", "openai/b", "light", 0, price, context=100, fixed_output=60)
    wide = Model("wide", "openai/c", "light", 0, price, fixed_output=10**6)
    policy = assemble((plain, fixed, wide), (), Vocabulary((), (), ()))

    def out(**given: object) -> dict[str, str]:
        decision = decide(policy, Request(**given), Snapshot())  # type: ignore[arg-type]  # fields of a request
        return {skip.model: skip.detail for skip in decision.skipped}

    assert out(tokens=40) == {}
    assert out(tokens=41, max_tokens=1) == {
        "fixed": "context of 100 tokens is too small with 60 kept free for the answer by its "
        "`params`"
    }
    assert out(tokens=30, max_tokens=71) == {"plain": "context of 100 tokens is too small"}
    assert set(out(tokens=10, max_tokens=10, max_cost=0.0005)) == {"wide"}
