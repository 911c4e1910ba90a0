"""What an attempt is charged: every kind of failure has its row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router import load
from policy_router.domain.prices import Price
from policy_router.execution.accounts.billing import BILLS, Bill, UpperBound, charge_of
from policy_router.ledger.store import Settlement
from policy_router.providers.answers.chat import Usage
from policy_router.providers.failures.failure import Failure, FailureKind

PRICE = Price(1_000_000, 2_000_000, cached=100_000, written=1_250_000)
WORST = UpperBound(1000, 500, PRICE)
ALL = Settlement(
    1000 * 1 + 250 + 500 * 2, 1000, 500, estimated=True
)  # all of it written to the cache
NOTHING = Settlement()
COUNTED = Settlement(10 + 2 * 20, 10, 20)


def test_every_kind_has_a_row() -> None:
    assert set(BILLS) == set(FailureKind)


@pytest.mark.parametrize(
    ("failure", "usage", "said", "charged"),
    [
        (None, Usage(10, 20), 80, COUNTED),
        (None, Usage(10, 20, cached_tokens=10), 80, Settlement(1 + 40, 10, 20)),
        (None, Usage(10, 20, cache_write_tokens=99), 80, Settlement(13 + 40, 10, 20)),
        (None, Usage(10, 0), 0, Settlement(10, 10, 0)),
        # Not credible, so estimated: a token a byte at the most, within what was held.
        (None, Usage(), 80, Settlement(1250 + 160, 1000, 80, estimated=True)),
        (None, Usage(0, 0), 80, Settlement(1250 + 160, 1000, 80, estimated=True)),
        (None, Usage(10, 0), 80, Settlement(1250 + 160, 1000, 80, estimated=True)),
        (None, Usage(10, None), 9999, ALL),
        # More than was held is recorded in full.
        (None, Usage(9000, 9000), 5, Settlement(27_000, 9000, 9000)),
        (Failure(FailureKind.CONNECT), Usage(), 0, None),
        (Failure(FailureKind.CONNECT, status=408), Usage(), 0, NOTHING),  # it arrived
        (Failure(FailureKind.RATE_LIMITED, status=429), Usage(), 0, NOTHING),
        (Failure(FailureKind.SERVER_ERROR, status=500), Usage(), 0, NOTHING),
        (Failure(FailureKind.SERVER_ERROR), Usage(), 0, ALL),
        (Failure(FailureKind.CONTENT_POLICY, status=400), Usage(), 0, NOTHING),
        (Failure(FailureKind.CONTENT_POLICY, status=200), Usage(10, 20), 0, COUNTED),
        (Failure(FailureKind.TIMEOUT), Usage(), 0, ALL),
        (Failure(FailureKind.TIMEOUT, sent=False), Usage(), 0, None),
        (Failure(FailureKind.CANCELLED, sent=False), Usage(), 0, None),
        (Failure(FailureKind.INTERNAL), Usage(), 0, ALL),
        (Failure(FailureKind.INTERNAL, sent=False), Usage(), 0, None),
        (Failure(FailureKind.STREAM_BROKEN), Usage(), 40, ALL),
        (Failure(FailureKind.STREAM_BROKEN), Usage(10, 20), 40, COUNTED),
        (Failure(FailureKind.EMPTY, status=200), Usage(10, 20), 0, COUNTED),
        (Failure(FailureKind.CANCELLED), Usage(), 0, ALL),
        (Failure(FailureKind.UNKNOWN, status=418), Usage(), 0, NOTHING),
        # What came out before it broke was made, whatever the failure is called.
        (Failure(FailureKind.OVERLOADED, status=529), Usage(), 40, ALL),
        (Failure(FailureKind.SERVER_ERROR, status=500), Usage(10, 20), 40, COUNTED),
    ],
)
def test_what_is_charged(
    failure: Failure | None, usage: Usage, said: int, charged: Settlement | None
) -> None:
    assert charge_of(WORST, usage, failure, said) == charged


def test_sound_has_rates_of_its_own() -> None:
    price = Price(1_000_000, 2_000_000, audio=10_000_000, speech=20_000_000)
    heard = charge_of(
        UpperBound(1000, 500, price),
        Usage(100, 50, audio_prompt_tokens=90, audio_completion_tokens=40),
        None,
        80,
    )
    assert heard == Settlement(10 * 1 + 90 * 10 + 10 * 2 + 40 * 20, 100, 50)
    assert price.most(100, 50) == 100 * 10 + 50 * 20


def test_what_is_free_costs_nothing_and_its_tokens_count() -> None:
    free = UpperBound(1000, 500, None)
    assert charge_of(free, Usage(10, 20), None, 5) == Settlement(0, 10, 20)
    assert charge_of(free, Usage(), None, 5) == Settlement(0, 1000, 5, estimated=True)
    assert charge_of(free, Usage(), Failure(FailureKind.TIMEOUT), 0) == Settlement(
        0, 1000, 500, estimated=True
    )


NUMBERS = st.none() | st.integers(0, 10**9)
FAILURES = st.none() | st.builds(
    Failure, st.sampled_from(FailureKind), status=st.sampled_from((None, 200, 400, 500))
)


@given(NUMBERS, NUMBERS, st.integers(0, 10**9), st.integers(0, 10**9), FAILURES, st.integers(0, 99))
def test_nothing_is_ever_given(  # noqa: PLR0917  what hypothesis draws
    tokens_in: int | None,
    tokens_out: int | None,
    cached: int,
    written: int,
    failure: Failure | None,
    said: int,
) -> None:
    """Whatever a provider reports, no charge is negative, and an answer is never for nothing."""
    actual = charge_of(WORST, Usage(tokens_in, tokens_out, cached, written), failure, said)
    if actual is None:
        assert failure is not None
        assert BILLS[failure.kind] is Bill.UNSENT
        return
    assert min(actual.cost, actual.tokens_in, actual.tokens_out) >= 0
    if failure is None:
        assert actual.cost > 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.data())
def test_the_most_is_never_exceeded_within_its_bounds(
    tokens_in: int, tokens_out: int, data: st.DataObject
) -> None:
    rates = st.integers(0, 10**10)
    price = Price(
        data.draw(rates),
        data.draw(rates),
        data.draw(st.none() | rates),
        data.draw(st.none() | rates),
        data.draw(st.none() | rates),
        tuple(
            (above, Price(data.draw(rates), data.draw(rates)))
            for above in sorted(data.draw(st.sets(st.integers(1, 10**6), max_size=2)))
        ),
        written_1h=data.draw(st.none() | rates),
    )
    if price.cached is not None and price.cached > price.input:
        return  # no provider charges more for reading a cache than for input
    used_in = data.draw(st.integers(0, tokens_in))
    used_out = data.draw(st.integers(0, tokens_out))
    cached = data.draw(st.integers(0, used_in))
    written = data.draw(st.integers(0, used_in - cached))
    worst = UpperBound(tokens_in, tokens_out, price)
    usage = Usage(used_in, used_out, cached, written)
    actual = charge_of(worst, usage, None, 0)
    assert actual is not None
    assert actual.cost <= worst.settlement.cost


SEARCHING = Price(1_000_000, 2_000_000, search=50, fees=500, fee=7, hosted=9_000)


@pytest.mark.parametrize(
    ("usage", "hosted", "cost"),
    [
        (Usage(10, 20), False, 50 + 7 + 500),
        (Usage(10, 20), True, 50 + 7 + 500 + 9_000),
        (Usage(10, 20, searches=3), False, 50 + 7 + 3 * 50),
        (Usage(10, 20, searches=0), True, 50 + 7),
        # The provider's own bill says it all, and is never less than its tokens.
        (Usage(10, 20, searches=3, billed_nano_usd=80), False, 80),
        (Usage(10, 20, billed_nano_usd=0), True, 50),
    ],
)
def test_fees_in_addition_to_tokens(usage: Usage, hosted: bool, cost: int) -> None:
    worst = UpperBound(1000, 500, SEARCHING, hosted_tools=hosted)
    actual = charge_of(worst, usage, None, 80)
    assert actual == Settlement(cost, 10, 20)
    assert actual.cost <= worst.settlement.cost


def test_an_absurd_bill_is_bounded_by_what_the_model_can_do() -> None:
    worst = UpperBound(1000, 500, PRICE, max_in=2_000, max_out=1_000)
    actual = charge_of(worst, Usage(10, 20, billed_nano_usd=10**15), None, 80)
    assert actual == Settlement(worst.highest_cost(*worst.physical), 10, 20)
    assert worst.exceeded(Usage(10, 20), actual)


def test_an_absurd_count_is_charged_as_all_that_the_model_can_do() -> None:
    worst = UpperBound(1000, 50, PRICE, max_in=128_000, max_out=16_000)
    usage = Usage(900_000_000, 900_000_000)
    actual = charge_of(worst, usage, None, 80)
    assert actual == Settlement(128_000 + 2 * 16_000, 128_000, 16_000, estimated=True)
    assert worst.exceeded(usage, actual)
    assert not worst.exceeded(Usage(1000, 50), COUNTED)
    assert worst.exceeded(Usage(1000, 51), COUNTED)
    assert worst.exceeded(Usage(2001, 50), COUNTED)
    assert not worst.exceeded(Usage(2000, 50), COUNTED)


def test_an_uncounted_answer_of_a_model_that_thinks_is_charged_whole() -> None:
    """Thinking that is not shown is billed as output."""
    worst = UpperBound(1000, 500, PRICE, reasons=True)
    assert charge_of(worst, Usage(), None, 8) == ALL


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(100, 0, cache_write_tokens=100), 200),
        (Usage(100, 0, cache_write_tokens=100, cache_write_1h_tokens=0), 125),
        (Usage(100, 0, cache_write_tokens=100, cache_write_1h_tokens=40), 60 * 1.25 + 40 * 2),
        (Usage(100, 0, cached_tokens=50, cache_write_tokens=50, cache_write_1h_tokens=0), 5 + 62.5),
    ],
)
def test_writing_to_the_cache_costs_by_how_long_it_is_kept(usage: Usage, cost: float) -> None:
    price = Price(1_000_000, 2_000_000, cached=100_000, written=1_250_000, written_1h=2_000_000)
    actual = charge_of(UpperBound(1000, 500, price), usage, None, 0)
    assert actual is not None
    assert cost <= actual.cost < cost + 1


def test_thinking_and_citations_have_rates_of_their_own() -> None:
    price = Price(2_000_000, 8_000_000, reasoning=3_000_000, fetched=4_000_000)
    usage = Usage(10, 100, reasoning_tokens=90, citation_tokens=5)
    actual = charge_of(UpperBound(1000, 500, price), usage, None, 9)
    assert actual == Settlement(10 * 2 + 10 * 8 + 90 * 3 + 5 * 4, 10, 100)


RATES = st.none() | st.integers(0, 5 * 10**9)
PRICES = st.builds(
    Price,
    st.integers(0, 5 * 10**9),
    st.integers(0, 5 * 10**9),
    cached=RATES,
    written=RATES,
    audio=RATES,
    speech=RATES,
    written_1h=RATES,
    fee=st.integers(0, 10),
    image=st.integers(0, 10),
)


@settings(max_examples=300, deadline=None)
@given(PRICES, st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 3), st.data())
def test_no_count_within_the_bound_costs_more_than_was_reserved(
    price: Price, tokens_in: int, tokens_out: int, pictures: int, data: st.DataObject
) -> None:
    bound = UpperBound(
        tokens_in, tokens_out, price, max_in=tokens_in, max_out=tokens_out, pictures=pictures
    )
    read = data.draw(st.integers(0, tokens_in))
    counted = Usage(
        tokens_in,
        data.draw(st.integers(1, tokens_out)),
        cached_tokens=read,
        cache_write_tokens=data.draw(st.integers(0, tokens_in - read)),
        audio_prompt_tokens=data.draw(st.integers(0, tokens_in)),
        audio_completion_tokens=data.draw(st.integers(0, tokens_out)),
    )
    charged = charge_of(bound, counted, None, produced=1)
    assert charged is not None
    assert charged.cost <= bound.settlement.cost


def test_a_cache_that_costs_more_than_other_input_is_reserved_for() -> None:
    policy = load(
        text="""\
version: 1
models:
  sale:
    model: acme/sale
    tier: light
    context: 100k
    price: { input: $1/M, output: $4/M, cached: $0.5/M, at: [{ days: mon-sun, input: $0.1/M }] }
budgets: { all: { cap: $5/month } }
"""
    )
    price = policy.models[0].price
    assert price is not None
    (on_sale,) = price.within(0.0, 60.0)
    assert on_sale.cost(100_000, 0, cached=100_000) == 50_000_000
    assert on_sale.most(100_000, 0) == 50_000_000
