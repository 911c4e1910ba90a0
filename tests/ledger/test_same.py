"""Whatever happens, every store answers as the one in memory does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policy_router.domain.limits import Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import HOUR, MINUTE
from policy_router.ledger.store import Ending, Hold, Settlement
from tests.ledger.stores import ABOUT, STORES, Clock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.limits import Charge
    from policy_router.domain.windows import Window

IDS = st.sampled_from("abcdef")
METERS: tuple[tuple[str, str, Metric, Window | None], ...] = (
    ("budgets", "team", Metric.USD, Period.DAY),
    ("budgets", "team", Metric.USD, Period.MONTH),
    ("budgets", "team", Metric.TOKENS, Period.WEEK),
    ("limits", "each", Metric.REQUESTS, MINUTE),
    ("limits", "each", Metric.TOKENS, MINUTE),
    ("limits", "each", Metric.REQUESTS, HOUR),
    ("limits", "free", Metric.REQUESTS, Period.DAY),
    ("models", "qwen", Metric.CONCURRENT, None),
)
ACTUALS = st.builds(
    Settlement, st.integers(0, 150), st.integers(0, 60), st.integers(0, 60), st.booleans()
)
ENDINGS = st.builds(Ending, IDS, st.none() | ACTUALS)


@st.composite
def asked(draw: st.DrawFn) -> tuple[Any, ...]:
    """Which meters are charged, how much money and how many tokens, under which limits."""
    chosen = draw(st.lists(st.sampled_from(range(len(METERS))), unique=True, max_size=5))
    amounts = {Metric.USD: draw(st.integers(0, 120)), Metric.TOKENS: draw(st.integers(0, 120))}
    limits = draw(st.lists(st.sampled_from((None, 0, 1, 3, 100, 250)), min_size=5, max_size=5))
    refuses = draw(st.booleans())
    warn_at = draw(st.sampled_from(((), (0.8,), (0.333, 0.5, 0.95))))
    return chosen, amounts, limits, refuses, warn_at


STEPS = st.one_of(
    st.tuples(
        st.just("reserve"), IDS, asked(), st.sampled_from((0.5, 20.0, 90.0)), st.none() | ENDINGS
    ),
    st.tuples(st.just("renew"), IDS, st.sampled_from((1.0, 45.5))),
    st.tuples(st.just("settle"), IDS, ACTUALS),
    st.tuples(st.just("release"), IDS),
    st.tuples(st.just("read"), asked()),
    st.tuples(st.just("pass"), st.sampled_from((0.25, 1.0, 13.37, 61.0, 3601.5, 43_200.0, -30.0))),
)


NOTHING: tuple[Any, ...] = ((), {}, [None] * 5, False, ())
"""A request for a hold that charges nothing."""


def _a_day_later(*ending: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A hold that ends as given, and is asked for just before and just after it is forgotten."""
    return [
        ("reserve", "a", NOTHING, 0.5, None),
        *ending,
        ("pass", 86_399.75),
        ("release", "a"),
        ("pass", 0.25),
        ("release", "a"),
    ]


class Twin(World):
    """A store on the clock it shares with the others."""

    def charges(self, request: tuple[Any, ...]) -> tuple[Charge, ...]:
        chosen, amounts, limits, refuses, warn_at = request
        charges = []
        for place, limit in zip(chosen, limits, strict=False):
            section, scope, metric, window = METERS[place]
            amount = amounts.get(metric, 1)
            charge = self.charge(section, scope, metric, window, amount, limit)
            charges.append(replace(charge, refuses=refuses, warn_at=warn_at))
        return tuple(charges)

    async def step(self, step: tuple[Any, ...]) -> object:
        """What one verb answers."""
        match step:
            case "reserve", name, request, lease, after:
                hold = Hold(name, self.charges(request), lease, ABOUT)
                return await self.store.reserve(hold, after)
            case "renew", name, lease:
                return await self.store.renew(name, lease)
            case "settle", name, actual:
                return await self.store.settle(name, actual)
            case "release", name:
                return await self.store.release(name)
            case _:
                return await self.store.read(self.charges(step[1]))

    async def books(self) -> object:
        rows = [row async for row in self.store.rows()]
        return rows, await self.store.balances(), await self.store.audit()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


@pytest.mark.parametrize("name", [name for name in STORES if name != "memory"])
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=40))
@example(steps=_a_day_later(("settle", "a", Settlement(1, 1, 1))))
@example(steps=_a_day_later(("release", "a")))
@example(steps=_a_day_later(("pass", 1.0), ("read", NOTHING), ("reserve", "b", NOTHING, 1.0, None)))
@example(
    steps=[
        *_a_day_later(("settle", "a", Settlement(1, 1, 1))),
        ("reserve", "a", NOTHING, 9.0, None),
    ]
)
def test_every_answer_is_that_of_the_memory(
    runner: asyncio.Runner, tmp_path: Path, name: str, steps: list[tuple[Any, ...]]
) -> None:
    clock = Clock()

    async def run() -> None:
        with TemporaryDirectory(dir=tmp_path) as fresh:
            place = Path(fresh)
            await compare(
                steps, [Twin(STORES[n](clock, place), clock, runner) for n in ("memory", name)]
            )

    runner.run(run())


async def compare(steps: list[tuple[Any, ...]], twins: list[Twin]) -> None:
    try:
        for step in steps:
            if step[0] == "pass":
                twins[0].clock.now += step[1]
                continue
            want, got = [await twin.step(step) for twin in twins]
            assert got == want, step
        want, got = [await twin.books() for twin in twins]
        assert got == want
    finally:
        for twin in twins:
            await twin.store.aclose()
