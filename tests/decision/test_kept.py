"""What is kept of earlier decisions changes none, also when a table is full and starts over."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations, islice, permutations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.ability_index import KEPT_NEEDS, AbilityIndex
from policy_router.decision.decide import decide
from policy_router.decision.lookup import KEPT
from policy_router.decision.order.measured_orders import ORDERS, PLACES
from policy_router.decision.order.ranking import Rankings
from policy_router.decision.rule_effects import KEPT_PER_RULE
from policy_router.decision.space import MAX_BOXES
from policy_router.domain.condition import TAGS, Any, Op
from policy_router.domain.condition import Test as Has
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.facts import Vocabulary
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule
from policy_router.domain.snapshot import Snapshot
from tests import reference
from tests.generate import assemble, condition, situations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy

VOCABULARY = Vocabulary((), ())
MODELS = tuple(Model(f"m{i}", f"openai/m{i}", "light", 0, quality=i / 20) for i in range(14))


def tagged(tag: str) -> Has:
    return Has(TAGS, Op.HAS, (tag,))


def test_full_tables_start_over() -> None:
    avoiding = [
        Rule(f"no m{i}", condition(tagged(f"t{i}"), VOCABULARY), avoid=(f"m{i}",))
        for i in range(13)
    ]
    last = Rule("only the last", condition(tagged("all"), VOCABULARY), only=("m13",))
    policy = assemble(MODELS, (*avoiding, last), VOCABULARY, bands=())
    tags = [f"t{i}" for i in range(13)]
    subsets = list(chain.from_iterable(combinations(tags, n) for n in range(14)))
    assert len(subsets) > KEPT > KEPT_PER_RULE
    for n, subset in enumerate(subsets):
        request = Request(tags=frozenset(subset), tokens=10)
        more = replace(request, tags=request.tags | {"all"})
        for each in (request, more) if n % 16 == 0 else (request,):
            decision = decide(policy, each)
            gone = {f"m{tag[1:]}" for tag in subset}
            if "all" in each.tags:
                gone |= {f"m{i}" for i in range(13)}
            assert {s.model for s in decision.skipped} == gone
            assert len(decision.candidates) == len(MODELS) - len(gone)
    for subset in subsets[: KEPT_PER_RULE + 10]:
        decision = decide(policy, Request(tags=frozenset({*subset, "all"})))
        assert [c.name for c in decision.candidates] == ["m13"]


def test_many_orders_of_keys() -> None:
    policy = assemble(MODELS[:3], (), VOCABULARY, bands=())
    orders = list(islice(permutations(SortKey, 4), Rankings.RANKINGS * 3))
    for prefer in (*orders, *orders):
        request = Request(prefer=prefer)
        expected = reference.decide(policy, request, Snapshot())
        assert tuple(c.name for c in decide(policy, request).candidates) == expected.candidates


def test_many_measured_values_and_lengths_of_answers() -> None:
    dear = tuple(
        replace(model, price=Price(input=(i + 1) * 10**9, output=(14 - i) * 10**9))
        for i, model in enumerate(MODELS)
    )
    learning = Learning(LearningMode.ADJUST, min_samples=10)
    keys = (SortKey.RELIABLE, SortKey.CHEAPEST)
    policy = assemble(dear, (), VOCABULARY, bands=(), prefer=keys)
    policy = replace(policy, learning=learning)
    assert len(MODELS) * 256 > PLACES

    def worlds() -> Iterator[Snapshot]:
        for n in range(300):
            share, length = Measurement(n % 7 / 10, 12), Measurement(50.0 + n, 9 + n % 3)
            yield Snapshot(measured={"m3": Measured(success=share), "m5": Measured(output=length)})

    kept = list(worlds())
    for cap in (None, *range(1, 4 * ORDERS)):
        for n, snapshot in enumerate((*kept, *kept[:9]) if cap is None else kept[:3]):
            request = Request(tokens=7 * n, max_tokens=cap)
            expected = reference.decide(policy, request, snapshot)
            decision = decide(policy, request, snapshot)
            assert tuple(c.name for c in decision.candidates) == expected.candidates
            assert decide(policy, request, snapshot) == decision


@settings(max_examples=60, deadline=None)
@given(situations(), st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 900)), max_size=4))
def test_what_was_measured_is_kept_for_any_request(
    situation: tuple[Policy, Request, Snapshot], sizes: list[tuple[int, int]]
) -> None:
    policy, request, snapshot = situation
    for tokens, cap in sizes:
        other = replace(request, tokens=tokens, max_tokens=cap)
        assert decide(policy, other, snapshot) == decide(replace(policy), other, snapshot)
    assert decide(policy, request, snapshot) == decide(replace(policy), request, snapshot)


def test_needs_are_kept_for_some_sets_only() -> None:
    own = [f"a{i}" for i in range(10)]
    models = (MODELS[0], replace(MODELS[1], abilities=frozenset(own[:5])))
    index = AbilityIndex(models)
    for needs in (frozenset(c) for n in range(1, 5) for c in combinations(own, n)):
        able = needs <= models[1].abilities
        assert index.unable(needs) == (0b01 if able else 0b11)
        missing = ", ".join(sorted(needs - models[1].abilities))
        if not able:
            assert index.skips(needs)[1].detail == f"does not support {missing}"
        assert len(index._unable) <= KEPT_NEEDS
        assert len(index._skips) <= KEPT_NEEDS


def test_a_condition_too_wide_to_index_is_evaluated() -> None:
    wide = Any(tuple(tagged(f"w{i}") for i in range(MAX_BOXES + 1)))
    rule = Rule("wide", condition(wide, VOCABULARY), avoid=("m0",))
    policy = assemble(MODELS[:2], (rule,), VOCABULARY, bands=())
    assert decide(policy, Request(tags={"w64"})).rules == ("wide",)
    assert decide(policy, Request(tags={"w99"})).rules == ()


def test_a_pattern_is_searched_only_where_the_rest_matches() -> None:
    user = VOCABULARY.by_name["user"]
    bot = Has(user, Op.MATCHES, ("^bot-[0-9]+$",))
    rule = Rule("bots", condition(bot, VOCABULARY), avoid=("m0",))
    policy = assemble(MODELS[:2], (rule,), VOCABULARY, bands=())
    found = [decide(policy, Request(user=name)).rules for name in ("bot-7", "bob", None)]
    assert found == [("bots",), (), ()]
