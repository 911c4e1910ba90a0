"""Every place in the order has the reason that a plain look at the neighbours gives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.bitset import flags_in
from policy_router.decision.order.cached_orders import LINES
from policy_router.decision.order.cost_ratios import MOST_PRICES
from policy_router.decision.order.ranking import Rankings
from policy_router.decision.order.sort_keys import cost, sort_value
from policy_router.domain.models import Model
from policy_router.domain.ordering import OrderKey, SortKey
from policy_router.domain.prices import Price
from tests.generate import TIERS, models

POOL = 9


At = tuple[int, int] | None
"""Input and output tokens, where costs are compared for this very request: in orders by the moment
and by `same_model`. In others prices are, since the orders between two ratios are kept."""


def place(key: SortKey, model: Model, at: At) -> object:
    if key is SortKey.SAME_MODEL:
        return upstream(model)
    if key is SortKey.CHEAPEST:
        if at is not None:
            return cost(model, *at)
        if model.free:
            return (True, model.weight)
        return (False, model.price and (model.price.input, model.price.output))
    return sort_value(key, model, 0, 0)


def upstream(model: Model) -> str:
    return model.upstream or model.name


def apart(prefer: list[SortKey], model: Model, other: Model, at: At) -> str:
    """The first key by which two models differ."""
    found = (k for k in prefer if place(k, model, at) != place(k, other, at))
    return next(found, "written order")


def reason_of_the_first(
    prefer: list[SortKey], model: Model, following: Model, put: list[Model], at: At
) -> str:
    reason = apart(prefer, model, following, at)
    if reason != "same_model" or upstream(model) in map(upstream, put):
        return reason
    return apart([k for k in prefer if k is not SortKey.SAME_MODEL], model, following, at)


def reason_of_another(prefer: list[SortKey], model: Model, previous: Model, at: At) -> str:
    reason = apart(prefer, model, previous, at)
    if SortKey.SAME_MODEL not in prefer or upstream(model) != upstream(previous):
        return reason
    before = prefer[: prefer.index(SortKey.SAME_MODEL)]
    return reason if reason in before else "same_model"


@settings(max_examples=500, deadline=None)
@given(
    pool=models(POOL),
    prefer=st.lists(st.sampled_from(list(SortKey)), max_size=4, unique=True),
    floor=st.integers(0, len(TIERS) - 1),
    asked=st.lists(
        st.tuples(
            st.integers(0, 2**POOL - 1),
            st.lists(st.integers(0, POOL - 1), max_size=2),
            st.sampled_from((0, 1, 2, 3, 50)),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_order_and_reasons_are_those_of_a_plain_sort(
    pool: tuple[Model, ...],
    prefer: list[SortKey],
    floor: int,
    asked: list[tuple[int, list[int], int, int]],
) -> None:
    keys = tuple(prefer)
    order = Rankings(pool, TIERS, keys)
    for allowed, wanted, tokens, output in asked:
        first = tuple(order.put(i, "somebody") for i in wanted)
        found = order.candidates(allowed, floor, first, keys, tokens, output)
        here = [i for i in range(POOL) if allowed >> i & 1]
        strong = [i for i in here if pool[i].rank >= floor]
        put = [i for i in dict.fromkeys(wanted) if i in strong]
        seen: list[str] = []

        def values(
            i: int, tokens: int = tokens, output: int = output, seen: list[str] = seen
        ) -> list[float]:
            return [
                seen.index(upstream(pool[i]))
                if k is SortKey.SAME_MODEL and seen
                else sort_value(k, pool[i], tokens, output)
                for k in prefer
            ]

        for _ in range(2):  # at first without the groups of the same model
            keyed = sorted((i for i in strong if i not in put), key=values)
            weak = sorted(
                (i for i in here if i not in strong), key=lambda i: (-pool[i].rank, values(i))
            )
            seen += [upstream(pool[i]) for i in (*put, *keyed, *weak)]
        at = (tokens, output) if SortKey.SAME_MODEL in prefer else None
        reasons = ["first"] * len(put)
        if len(keyed) == 1:
            reasons.append("only candidate")
        elif keyed:
            head, following = pool[keyed[0]], pool[keyed[1]]
            reasons.append(reason_of_the_first(prefer, head, following, [pool[i] for i in put], at))
            for i, other in zip(keyed[1:], keyed, strict=False):
                reasons.append(reason_of_another(prefer, pool[i], pool[other], at))
        reasons += ["step_down"] * len(weak)
        assert [c.name for c in found] == [pool[i].name for i in (*put, *keyed, *weak)]
        assert [c.placed_by for c in found] == reasons
        if len(keyed) > 1:
            detail = found[len(put)].detail
            known = reasons[len(put)] not in ("written order", "same_model")
            assert detail.endswith("first") == known


@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.permutations(range(n)), st.integers(0))))
def test_flags_are_the_bits_in_order(drawn: tuple[list[int], int]) -> None:
    order, number = drawn
    number &= (1 << len(order)) - 1
    assert list(flags_in(order)(number)) == [number >> i & 1 for i in order]


def test_neighbours_at_the_ratio_where_their_prices_meet() -> None:
    prices = (Price(1, 9), Price(2, 3), Price(1, 9))
    pool = [Model(f"m{i}", f"openai/m{i}", TIERS[0], 0, price) for i, price in enumerate(prices)]
    keys = (SortKey.CHEAPEST,)
    order = Rankings(pool, TIERS, keys)
    # 6 in and 1 out cost 15 by both prices: written order, but only equal prices have no other.
    for allowed, by in ((0b111, ["cheapest"] * 3), (0b101, ["written order"] * 2)):
        assert [c.placed_by for c in order.candidates(allowed, 0, (), keys, 6, 1)] == by


def test_what_is_put_first_stays_before_headroom() -> None:
    pool = [Model(f"m{i}", f"openai/m{i}", TIERS[0], 0) for i in range(3)]
    keys = (SortKey.HEADROOM,)
    order = Rankings(pool, TIERS, keys)
    first = (order.put(2, "somebody"), order.put(2, "somebody else"))
    values: dict[OrderKey, tuple[float, ...]] = {SortKey.HEADROOM: (-0.2, -0.9, -0.1)}
    found = order.candidates(0b111, 0, first, keys, 1, 1, values)
    assert [(c.name, c.placed_by) for c in found] == [
        ("m2", "first"),
        ("m1", "headroom"),
        ("m0", "headroom"),
    ]


def priced(count: int) -> tuple[Model, ...]:
    """Models of which no two cost the same; the dearer their input, the cheaper their output."""
    return tuple(
        Model(f"m{i}", f"x/m{i}", TIERS[0], 0, price=Price(1000 + i * i, 2_000_000 - 3 * i))
        for i in range(count)
    )


def cheapest_first(order: Rankings, pool: tuple[Model, ...], tokens: int, output: int) -> bool:
    everyone = (1 << len(pool)) - 1
    found = order.candidates(everyone, 0, (), (SortKey.CHEAPEST,), tokens, output)
    costs = [sort_value(SortKey.CHEAPEST, c.model, tokens, output) for c in found]
    return len(costs) == len(pool) and costs == sorted(costs)


def test_models_of_very_many_prices_are_in_order_too() -> None:
    pool = priced(MOST_PRICES + 1)
    order = Rankings(pool, TIERS, (SortKey.CHEAPEST,))
    for tokens, output in ((1, 1), (1000, 1), (1, 1000), (10_000, 37)):
        assert cheapest_first(order, pool, tokens, output)


def test_orders_that_are_kept_start_over_when_they_are_too_many() -> None:
    # Any two of these cost the same at a ratio of input to output of their own.
    pool = tuple(
        Model(f"m{i}", f"x/m{i}", TIERS[0], 0, price=Price(1000 + i**3, 2_000_000 - 997 * i * i))
        for i in range(80)
    )
    order = Rankings(pool, TIERS, (SortKey.CHEAPEST,))
    sizes = []
    for step in range(1, 4000):
        assert cheapest_first(order, pool, int(80_000 * 1.0012**step), 10_000)
        sizes += [len(ranking.lines) for ranking in order._others.values()]
    assert max(sizes) == LINES
    assert sizes[-1] < LINES
