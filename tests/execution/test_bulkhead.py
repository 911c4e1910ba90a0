"""A server that hangs holds up its own calls, and nobody else's."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import AllModelsFailedError, BadRequestError, RateLimitError, Router
from policy_router.domain.decision import Reason
from policy_router.domain.models import Model
from policy_router.execution.bulkhead import Bulkheads
from policy_router.loading import load
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import HANG, FakeCaller, response, spoken

if TYPE_CHECKING:
    from policy_router.events import Event

HELLO = [{"role": "user", "content": "hello"}]
POLICY = load(
    text="""
version: 1
tiers: [light]
models:
  a:
    model: openai/a
    api_base: http://127.0.0.1:1
    tier: light
    context: 8k
    price: free
    max_connections: 4
  b: {model: openai/b, api_base: "http://127.0.0.1:2", tier: light, context: 8k, price: free}
fallback: {deadline: 1h, first_token_within: 30m, stall: 30m}
"""
)


def model(name: str, most: int, address: str | None = None) -> Model:
    return Model(name, f"openai/{name}", "t", 0, api_base=address, max_connections=most)


class GatedCaller(FakeCaller):
    """Calls of `a` wait until the gate opens. under_way: how many do."""

    def __init__(self) -> None:
        super().__init__(a=[response()] * 100, b=[response()] * 100)
        self.go = asyncio.Event()
        self.full = asyncio.Event()
        self.under_way = 0

    async def call(self, model: Model, body: Any, timeout: float) -> Any:  # noqa: ASYNC109  as Caller
        if model.name == "a":
            self.under_way += 1
            if self.under_way == 4:
                self.full.set()
            await self.go.wait()
            self.under_way -= 1
        return await super().call(model, body, timeout)


def test_a_server_that_hangs_delays_no_other_model() -> None:
    async def main() -> None:
        caller = GatedCaller()
        async with Router(POLICY, caller) as router:
            hanging = [asyncio.create_task(router.acompletion(HELLO, model="a")) for _ in range(24)]
            await caller.full.wait()
            assert (await router.acompletion(HELLO, model="b")).served_by == "b"
            assert caller.under_way == 4  # the other 20 wait here, and none of them was sent
            caller.go.set()
            answers = await asyncio.gather(*hanging)
        assert {answer.served_by for answer in answers} == {"a"}

    asyncio.run(main())


def test_who_waits_in_vain_goes_to_the_next_model_and_nothing_rests() -> None:
    events: list[Event] = []

    async def main() -> None:
        caller = GatedCaller()
        async with Router(POLICY, caller, on_event=events.append) as router:
            hanging = [asyncio.create_task(router.acompletion(HELLO, model="a")) for _ in range(4)]
            await caller.full.wait()
            answer = await router.acompletion(HELLO)
            assert answer.served_by == "b"
            assert [attempt.model for attempt in answer.attempts] == ["b"]
            caller.go.set()
            await asyncio.gather(*hanging)
            # Nothing rests: the model answers as soon as its server has room.
            assert (await router.acompletion(HELLO)).served_by == "a"

    asyncio.run(main())
    skipped = [event.skip for event in events if hasattr(event, "skip")]
    assert [(skip.model, skip.reason) for skip in skipped] == [("a", Reason.BUSY)]
    assert skipped[0].detail == (
        "its server has 4 calls under way, the most that `max_connections` allows"
    )


def test_without_another_model_the_caller_is_told_to_come_back() -> None:
    async def main() -> None:
        caller = GatedCaller()
        async with Router(POLICY, caller) as router:
            hanging = [asyncio.create_task(router.acompletion(HELLO, model="a")) for _ in range(4)]
            await caller.full.wait()
            with pytest.raises(RateLimitError, match="its server has 4 calls under way") as raised:
                await router.acompletion(HELLO, model="a", deadline=1.2)
            assert raised.value.retry_after == pytest.approx(1.0, abs=0.5)
            caller.go.set()
            await asyncio.gather(*hanging)

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_every_end_of_a_call_gives_its_place_back(stream: bool) -> None:
    """Answers, failures, deadlines, cancelled calls and streams that are not read to the end."""

    async def main() -> None:
        whole = spoken("hello", "you") if stream else response()
        refused = Failure(FailureKind.BAD_REQUEST)
        script = [whole, refused, HANG, HANG, whole] * 3 + [whole] * 4
        async with Router(POLICY, FakeCaller(a=script)) as router:
            for _ in range(3):
                await _ask(router, stream=stream)
                with pytest.raises(BadRequestError):
                    await _ask(router, stream=stream)
                with pytest.raises(AllModelsFailedError):
                    await _ask(router, stream=stream, deadline=0.6)
                task = asyncio.create_task(_ask(router, stream=stream))
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                if stream:
                    left = await router.acompletion(HELLO, stream=True, model="a")
                    await left.aclose()
                else:
                    await _ask(router, stream=False)
            for _ in range(4):
                await _ask(router, stream=stream)

    asyncio.run(main())


async def _ask(router: Router, *, stream: bool, **options: Any) -> None:
    if not stream:
        await router.acompletion(HELLO, model="a", **options)
        return
    async with await router.acompletion(HELLO, stream=True, model="a", **options) as chunks:
        [chunk async for chunk in chunks]


# -- the bulkhead itself -------------------------------------------------------------------------


def test_models_of_one_server_share_it_and_others_do_not() -> None:
    async def main() -> None:
        bulkheads = Bulkheads()
        here, there = model("a", 1, "http://here"), model("a", 1, "http://there")
        assert await bulkheads.enter(here, 0)
        assert await bulkheads.enter(model("b", 1, "http://here"), 0) is None
        assert await bulkheads.enter(model("c", 2, "http://here"), 0)
        assert await bulkheads.enter(there, 0)

    asyncio.run(main())


def test_places_are_given_in_the_order_of_arrival_to_whoever_may_take_them() -> None:
    async def main() -> list[str]:
        bulkheads, order = Bulkheads(), []
        first, second = [await bulkheads.enter(model("m", 2), 0) for _ in range(2)]
        assert first is not None
        assert second is not None

        async def wait(name: str, most: int) -> None:
            place = await bulkheads.enter(model(name, most), 60)
            order.append(name)
            assert place is not None
            place.leave()

        tasks = [asyncio.create_task(wait(name, most)) for name, most in (("x", 1), ("y", 2))]
        gone = asyncio.create_task(bulkheads.enter(model("gone", 2), 60))
        tasks.append(asyncio.create_task(wait("z", 2)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        first.leave()
        first.leave()  # only the first time counts
        await asyncio.sleep(0)
        second.leave()
        await asyncio.gather(*tasks)
        return order

    order = asyncio.run(main())
    assert order[0] == "y"  # `x` may only be alone at its server
    assert sorted(order) == ["x", "y", "z"]


def test_a_wait_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    async def main() -> None:
        bulkheads = Bulkheads()
        place = await bulkheads.enter(model("m", 1), 0)
        assert place is not None
        task = asyncio.create_task(bulkheads.enter(model("m", 1), 60))
        await asyncio.sleep(0)
        place.leave()  # it is its turn, but it has not run
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await bulkheads.enter(model("m", 1), 0) is not None

    asyncio.run(main())


def test_each_event_loop_has_its_own() -> None:
    bulkheads = Bulkheads()
    for _ in range(3):
        assert asyncio.run(bulkheads.enter(model("m", 1), 0)) is not None
        gc.collect()
