"""What rules and tasks say of models: criteria, orders, exact orders, and what is in shadow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.acceptance import Accept
from policy_router.domain.condition import TAGS, Op
from policy_router.domain.condition import Test as Has
from policy_router.domain.criteria import Criteria
from policy_router.domain.decision import Reason
from policy_router.domain.facts import Vocabulary
from policy_router.domain.fallback import Fallback
from policy_router.domain.hours import Hours
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule, Task
from tests.decision.test_decide import model, policy_of
from tests.generate import BANDS, condition

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

DOLLAR = 10**9
NIGHT = Hours(0, 360, tuple(range(7)), ZoneInfo("UTC"))
OWN = model("own", 0, price=FREE_PRICE, free=True, quality=0.3, latency=5.0)
MINI = model("mini", 1, price=Price(DOLLAR, 2 * DOLLAR), quality=0.6, latency=1.0)
BIG = model("big", 2, price=Price(5 * DOLLAR, 15 * DOLLAR), quality=0.9)
NEW = model("new", 2, quality=0.9)
POOL = (OWN, MINI, BIG, NEW)
CHEAP, GOOD = (SortKey.CHEAPEST,), (SortKey.QUALITY,)
TAGGED = condition(Has(TAGS, Op.HAS, ("x",)), Vocabulary((), [b.name for b in BANDS]))


def out_of(decision: Decision) -> dict[str, tuple[Reason, str]]:
    return {skip.model: (skip.reason, skip.detail) for skip in decision.skipped}


def order(policy: Policy, request: Request = Request()) -> list[str]:  # noqa: B008  frozen
    return [candidate.name for candidate in decide(policy, request).candidates]


@pytest.mark.parametrize(
    ("criteria", "asked", "out"),
    [
        (
            Criteria(min_quality=0.6),
            Request(min_quality=0.6),
            {"own": (Reason.QUALITY, "quality of 0.3 is below the `min_quality` of 0.6")},
        ),
        (
            Criteria(max_latency=1.0),
            Request(max_latency=1.0),
            {
                "own": (Reason.LATENCY, "latency of 5 s is above the `max_latency` of 1 s"),
                "big": (Reason.LATENCY, "latency of `big` is unknown, and"),
                "new": (Reason.LATENCY, "latency of `new` is unknown, and"),
            },
        ),
        (
            Criteria(max_price=2 * DOLLAR),
            Request(max_price=2),
            {
                "big": (
                    Reason.PRICE,
                    "$15.00 per million tokens is above the `max_price` of $2.00",
                ),
                "new": (Reason.PRICE, "price of `new` is unknown, and"),
            },
        ),
        (
            Criteria(max_cost=DOLLAR // 1000),
            Request(max_cost=Decimal("0.001")),
            {
                "big": (
                    Reason.COST,
                    "estimated at $0.0045 for an answer of 300 tokens, "  # noqa: ISC004  one text
                    "above the `max_cost` of $0.001",
                ),
                "new": (Reason.COST, "price of `new` is unknown, and"),
            },
        ),
    ],
)
def test_rules_tasks_and_callers_bound_models_alike(
    criteria: Criteria, asked: Request, out: dict[str, tuple[Reason, str]]
) -> None:
    by_caller = decide(policy_of(*POOL), asked)
    by_rule = decide(policy_of(*POOL, rules=(Rule("r", None, criteria=criteria),)), Request())
    task = Task("t", criteria=criteria)
    by_task = decide(policy_of(*POOL, tasks=(task,)), Request(task="t"))
    for decision, who in ((by_caller, None), (by_rule, "rule `r`"), (by_task, "task `t`")):
        found = out_of(decision)
        assert {name: reason for name, (reason, _) in found.items()} == {
            name: reason for name, (reason, _) in out.items()
        }
        for name, (_, words) in out.items():
            detail = found[name][1]
            assert detail.startswith(words)
            if words.endswith("unknown, and"):
                assert detail.startswith(f"{words} {who or 'the request'} sets `")
            else:
                assert detail == f"{words} of {who}" if who else detail == words


def test_the_strictest_decides() -> None:
    wide, narrow = Criteria(max_cost=DOLLAR), Criteria(max_cost=DOLLAR // 1000)
    rules = (Rule("wide", None, criteria=wide), Rule("narrow", TAGGED, criteria=narrow))
    task = Task("t", criteria=Criteria(max_cost=0))
    policy = policy_of(OWN, MINI, BIG, rules=rules, tasks=(task, Task("u")))
    assert order(policy, Request(task="u")) == ["own", "mini", "big"]
    tagged = decide(policy, Request(task="u", tags={"x"}))
    assert out_of(tagged)["big"][1].endswith("above the `max_cost` of $0.001 of rule `narrow`")
    assert order(policy, Request(task="t", tags={"x"})) == ["own"]
    by_task = out_of(decide(policy, Request(task="t", tags={"x"})))
    assert by_task["mini"][1].endswith("of task `t`")
    # Of equal bounds, the first is named.
    equal = (Rule("one", None, criteria=narrow), Rule("other", None, criteria=narrow))
    told = out_of(decide(policy_of(OWN, BIG, rules=equal), Request()))
    assert told["big"][1].endswith("of rule `one`")


def test_a_cost_without_bound_is_above_every_bound() -> None:
    able = model("able", price=FREE_PRICE, free=True, abilities=frozenset({"hosted_tools"}))
    rule = Rule("r", None, criteria=Criteria(max_cost=DOLLAR))
    decision = decide(policy_of(able, rules=(rule,)), Request(needs={"hosted_tools"}))
    assert out_of(decision)["able"] == (
        Reason.COST, "the cost of hosted tools is unknown, and rule `r` sets `max_cost`",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("max_tokens", "words"),
    [
        (None, "estimated at $0.01 for 3 answers of 300 tokens, above the `max_cost` of $0.006"),
        (500, "estimated at $0.016 for 3 answers, above the `max_cost` of $0.006"),
    ],
)
def test_every_answer_of_a_request_costs(max_tokens: int | None, words: str) -> None:
    dear = model("dear", price=Price(DOLLAR, 10 * DOLLAR))
    one = Request(tokens=1000, max_tokens=max_tokens, max_cost=Decimal("0.006"))
    policy = policy_of(dear)
    assert order(policy, one) == ["dear"]
    assert out_of(decide(policy, replace(one, answers=3)))["dear"] == (Reason.COST, words)


@pytest.mark.parametrize("fee", [0, 1])  # an order that is kept, and one for each request
def test_the_cheapest_is_the_one_for_as_many_answers(fee: int) -> None:
    long = model("for long answers", price=Price(10 * DOLLAR, DOLLAR, fee=fee))
    short = model("for short answers", price=Price(DOLLAR, 10 * DOLLAR, fee=fee))
    policy = policy_of(long, short, prefer=CHEAP)
    one = Request(tokens=1000, max_tokens=400)
    assert order(policy, one) == ["for short answers", "for long answers"]
    assert order(policy, replace(one, answers=3)) == ["for long answers", "for short answers"]


def test_a_price_is_that_of_its_dearest_hour() -> None:
    peak = Price(DOLLAR, 2 * DOLLAR, by_hour=((NIGHT, Price(3 * DOLLAR, DOLLAR)),))
    assert peak.highest_rate == 3 * DOLLAR
    rule = Rule("r", None, criteria=Criteria(max_price=2 * DOLLAR))
    assert order(policy_of(model("varies", price=peak), MINI, rules=(rule,))) == ["mini"]


FAST, FREE = (SortKey.FASTEST,), (SortKey.FREE,)


@pytest.mark.parametrize(
    ("asked", "rules", "task", "expected"),
    [
        (None, (), None, ["own", "mini", "big"]),  # the policy's: free, smallest, cheapest
        (None, (), GOOD, ["big", "mini", "own"]),
        (None, (FAST,), GOOD, ["mini", "own", "big"]),
        (None, (None, FAST, GOOD), CHEAP, ["mini", "own", "big"]),
        (GOOD, (FAST,), CHEAP, ["big", "mini", "own"]),
        ((), (FAST,), CHEAP, ["own", "mini", "big"]),  # as written
        (None, ((),), GOOD, ["own", "mini", "big"]),
        (None, (), (SortKey.FREE, SortKey.SMALLEST, SortKey.CHEAPEST), ["own", "mini", "big"]),
    ],
)
def test_whose_order_applies(
    asked: tuple[SortKey, ...] | None,
    rules: tuple[tuple[SortKey, ...] | None, ...],
    task: tuple[SortKey, ...] | None,
    expected: list[str],
) -> None:
    policy = policy_of(
        OWN,
        MINI,
        BIG,
        rules=tuple(Rule(f"r{i}", None, prefer=keys) for i, keys in enumerate(rules)),
        tasks=(Task("t", prefer=task),),
    )
    for _ in range(2):  # orders are kept
        assert order(policy, Request(task="t", prefer=asked)) == expected


def test_a_task_excludes_like_a_rule() -> None:
    able = model("able", 1, price=FREE_PRICE, free=True, abilities=frozenset({"json"}))
    task = Task("t", only=("own", "able", "mini"), avoid=("mini",), needs=frozenset({"json"}))
    decision = decide(policy_of(OWN, MINI, BIG, able, tasks=(task,)), Request(task="t"))
    assert [c.name for c in decision.candidates] == ["able"]
    assert out_of(decision) == {
        "own": (Reason.ABILITY, "excluded by `needs` of task `t`: json"),
        "mini": (Reason.AVOID, "excluded by `avoid` of task `t`"),
        "big": (Reason.ONLY, "excluded by `only` of task `t`"),
    }


def placed(decision: Decision) -> list[tuple[str, str, str]]:
    return [(c.name, c.placed_by, c.detail) for c in decision.candidates]


def test_an_exact_order() -> None:
    task = Task("t", min_tier=2, first=("mini",), use=(("mini",), ("own", "big")), prefer=GOOD)
    policy = policy_of(*POOL, rules=(Rule("r", None, first=("own",)),), tasks=(task,))
    decision = decide(policy, Request(task="t", prefer=CHEAP))
    assert placed(decision) == [
        ("mini", "use", "number 1 of `use` of task `t`"),
        ("big", "use", "number 2 of `use` of task `t`"),
        ("own", "step_down", "last resort: below tier `heavy`"),
    ]
    assert out_of(decision) == {"new": (Reason.USE, "excluded by `use` of task `t`")}
    assert order(policy, Request(task="t", model="own")) == ["own"]
    strict = policy_of(*POOL, tasks=(task,), fallback=Fallback(step_down=False))
    assert order(strict, Request(task="t")) == ["big"]
    nothing = policy_of(*POOL, tasks=(Task("t", use=()),))
    assert order(nothing, Request(task="t")) == []


@pytest.mark.parametrize(
    ("rule", "detail", "removed", "first", "denied"),
    [
        (Rule("s", None, avoid=("own",)), "excluded `own` and put `mini` first", ("own",), "mini",
         None),
        (Rule("s", None, avoid=("big",)), "excluded `big`", ("big",), None, None),
        (Rule("s", None, only=()), "excluded `own`, `mini`, `big`, the last ones left",
         ("own", "mini", "big"), None, None),
        (Rule("s", None, first=("big",)), "put `big` first", (), "big", None),
        (Rule("s", None, prefer=(SortKey.SMALLEST,)), "changed nothing", (), None, None),
        (Rule("s", None, prefer=(SortKey.LOCAL, SortKey.FREE, SortKey.QUALITY)),
         "changed the order after the first model", (), None, None),
        (Rule("s", None, deny="no"), "denied the request: no", ("own", "mini", "big"), None, "no"),
        (Rule("s", None, criteria=Criteria(max_price=0)), "excluded `mini`, `big`",
         ("mini", "big"), None, None),
    ],
)  # fmt: skip
def test_what_a_rule_in_shadow_would_have_done(
    rule: Rule, detail: str, removed: tuple[str, ...], first: str | None, denied: str | None
) -> None:
    policy = policy_of(OWN, MINI, BIG, rules=(replace(rule, shadow=True),))
    decision = decide(policy, Request())
    assert [c.name for c in decision.candidates] == ["own", "mini", "big"]
    assert (decision.rules, decision.denied) == ((), None)
    (effect,) = decision.shadow
    assert (effect.source, effect.detail) == ("rule `s`", f"would have {detail}")
    assert (effect.removed, effect.first, effect.denied) == (removed, first, denied)
    assert decision.as_dict()["shadow"] == [effect.as_dict()]


def test_many_models_are_counted_in_the_text() -> None:
    pool = [model(f"m{i}", price=FREE_PRICE, free=True) for i in range(15)]
    rule = Rule("s", None, avoid=tuple(m.name for m in pool[1:]), shadow=True)
    (effect,) = decide(policy_of(*pool, rules=(rule,)), Request()).shadow
    assert effect.detail.endswith("`m11`, `m12` and 2 more")
    assert len(effect.removed) == 14


def test_a_rule_in_shadow_that_does_not_apply_is_not_recorded() -> None:
    rules = (Rule("s", TAGGED, avoid=("own",), shadow=True), Rule("d", None, deny="closed"))
    assert decide(policy_of(OWN, rules=rules[:1]), Request()).shadow == ()
    (effect,) = decide(policy_of(OWN, rules=rules), Request(tags={"x"})).shadow
    assert effect.detail == "would have changed nothing"  # the request is denied anyway


def test_a_rule_in_shadow_with_checks() -> None:
    accept = Accept(by="rule `s`", not_empty=True, json=True)
    rule = Rule("s", None, accept=accept, shadow=True)
    decision = decide(policy_of(OWN, rules=(rule,)), Request())
    assert decision.accept == ()
    assert decision.shadow[0].detail == "would have checked the answer: not_empty, json"


def test_rules_in_shadow_are_in_written_order_and_each_alone() -> None:
    wide = condition(Has(TAGS, Op.HAS, ("x",)), Vocabulary((), [b.name for b in BANDS]))
    rules = (
        Rule("one", wide, avoid=("own",), shadow=True),
        Rule("live", None, avoid=("big",)),
        Rule("two", None, avoid=("mini",), shadow=True),
    )
    decision = decide(policy_of(OWN, MINI, BIG, rules=rules), Request(tags={"x"}))
    assert [(e.name, e.removed) for e in decision.shadow] == [("one", ("own",)), ("two", ("mini",))]
    assert decision.rules == ("live",)
