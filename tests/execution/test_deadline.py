"""One deadline for all of a request: a store, a function or a caller that hangs does not move it.

What hangs here does so until it is let go, so that a test which ends shows that nobody waited.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import AllModelsFailedError, Router, StateUnavailableError, UsageError
from policy_router.errors import NoCandidateError, TooLargeError
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.failures.failure import FailureKind
from tests.execution.make import HANG, FakeCaller, response, spoken
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router import Answer
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Hold,
        Refused,
        Settled,
        Settlement,
        Stale,
        Unavailable,
    )

HELLO = [{"role": "user", "content": "hello"}]
SHORT = 1.0
POLICY = """
version: 1
tiers: [light]
models:
  a: {model: openai/a, tier: light, context: 8k, price: free}
  b: {model: openai/b, tier: light, context: 8k, price: free}
fallback: {deadline: 1h, first_token_within: 30m, stall: 30m}
"""
COUNTED = (
    POLICY.replace("price: free", "price: {input: $1/M, output: $1/M}")
    + "budgets:\n  all: {cap: $100/month}\n"
)
SESSIONS = COUNTED + "sessions: {keep: model, for: 1h}\n"


class HangingStore(MemoryStore):
    """A store of which one verb hangs until `go` is set."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self.verb = verb
        self.go = asyncio.Event()

    async def _maybe(self, verb: str) -> None:
        if verb == self.verb:
            await self.go.wait()

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        await self._maybe("read")
        return await super().read(charges)

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        await self._maybe("reserve")
        return await super().reserve(hold, after)

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        await self._maybe("settle")
        return await super().settle(hold_id, actual)

    async def read_session(self, key: str) -> SessionRecord | None:
        await self._maybe("read_session")
        return await super().read_session(key)

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        await self._maybe("write_session")
        await super().write_session(key, record, lasts)


def policy(text: str) -> Policy:
    return load(text=text)


async def ask(router: Router, *, stream: bool, **options: Any) -> str:
    """The name of the model that answered."""
    if not stream:
        whole: Answer = await router.acompletion(HELLO, **options)
        return whole.served_by
    async with await router.acompletion(HELLO, stream=True, **options) as chunks:
        [chunk async for chunk in chunks]
    return chunks.served_by


def caller() -> FakeCaller:
    return FakeCaller(a=[response(), response()], b=[response()])


@pytest.mark.parametrize("verb", ["read", "reserve"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_store_that_hangs_before_the_call_ends_the_request(verb: str, stream: bool) -> None:
    async def main() -> None:
        asked = caller()
        async with Router(policy(COUNTED), asked, store=HangingStore(verb)) as router:
            with pytest.raises((StateUnavailableError, AllModelsFailedError)) as raised:
                await ask(router, stream=stream, deadline=SHORT)
        assert raised.value.http_status in {503, 504}
        assert asked.calls == []

    asyncio.run(main())


@pytest.mark.parametrize("verb", ["settle", "write_session"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_store_that_hangs_after_the_answer_does_not_keep_it(verb: str, stream: bool) -> None:
    async def main() -> None:
        script = spoken("hello") if stream else response()
        store = HangingStore(verb)
        async with Router(policy(SESSIONS), FakeCaller(a=[script]), store=store) as router:
            served = await ask(router, stream=stream, deadline=SHORT, session="s")
            assert served == "a"
            store.go.set()  # closing waits for what is being settled
        assert [balance.held for balance in await store.balances()] == [0]
        assert await store.audit() == ()

    asyncio.run(main())


def test_a_session_that_cannot_be_read_in_time_is_a_new_one() -> None:
    async def main() -> None:
        store = HangingStore("read_session")
        async with Router(policy(SESSIONS), caller(), store=store) as router:
            # Half of the time is left for the call.
            assert await ask(router, stream=False, deadline=4 * SHORT, session="s") == "a"

    asyncio.run(main())


def test_a_settlement_that_hangs_for_ever_does_not_keep_the_router_open() -> None:
    async def main() -> HangingStore:
        store = HangingStore("settle")
        async with Router(policy(COUNTED), caller(), store=store) as router:
            assert await ask(router, stream=False, deadline=SHORT) == "a"
        return store

    asyncio.run(main())


def test_a_judge_waits_for_no_store_either() -> None:
    judged = COUNTED + (
        "tasks: {form: {accept: {llm: {model: b, rubric: It is polite.}}}, chat: {}}\n"
    )

    class Judged(HangingStore):
        async def reserve(
            self, hold: Hold, after: Ending | None = None
        ) -> Granted | Refused | Stale | Unavailable:
            if hold.about.model == "b":
                await self.go.wait()
            return await super().reserve(hold, after)

    async def main() -> None:
        asked = caller()
        async with Router(policy(judged), asked, store=Judged("none")) as router:
            options: Any = {"deadline": 4 * SHORT, "task": "form", "model": "a"}
            whole = await router.acompletion(HELLO, **options)
        assert asked.calls == ["a"]
        assert [finding.check for finding in whole.unchecked] == ["llm"]

    asyncio.run(main())


# -- the deadline of one request -----------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_may_be_given_less_time_than_the_policy_allows(stream: bool) -> None:
    async def main() -> None:
        asked = FakeCaller(a=[HANG], b=[HANG])
        async with Router(policy(POLICY), asked) as router:
            with pytest.raises(AllModelsFailedError) as raised:
                await ask(router, stream=stream, deadline=SHORT)
        assert raised.value.http_status == 504
        assert all(limit <= SHORT for limit in asked.limits)
        assert {a.failure for a in raised.value.attempts} == {FailureKind.DEADLINE}

    asyncio.run(main())


def test_a_request_is_not_given_more_time_than_the_policy_allows() -> None:
    async def main() -> None:
        asked = caller()
        short = policy(POLICY.replace("deadline: 1h", "deadline: 40s").replace("30m", "30s"))
        async with Router(short, asked) as router:
            await ask(router, stream=False, deadline=1e9, model="a")
        assert 0 < asked.limits[0] <= 40

    asyncio.run(main())


def test_a_caller_in_a_hurry_takes_no_model_from_the_others() -> None:
    async def main() -> None:
        asked = FakeCaller(a=[HANG, HANG, HANG, HANG, response()])
        async with Router(policy(POLICY), asked) as router:
            for _ in range(4):
                with pytest.raises(AllModelsFailedError):
                    await ask(router, stream=False, deadline=0.6, model="a")
            assert await ask(router, stream=False, model="a") == "a"

    asyncio.run(main())


def test_no_attempt_starts_without_time_for_it() -> None:
    async def main() -> None:
        asked = caller()
        async with Router(policy(POLICY), asked) as router:
            with pytest.raises(AllModelsFailedError, match=r"deadline of 0\.1 s leaves no time"):
                await ask(router, stream=False, deadline=0.1)
        assert asked.calls == []

    asyncio.run(main())


def test_a_hold_for_which_no_time_is_left_is_given_back() -> None:
    """Reserving took all but a little of the time: the call would only be cut off and charged."""

    class Late(MemoryStore):
        async def reserve(
            self, hold: Hold, after: Ending | None = None
        ) -> Granted | Refused | Stale | Unavailable:
            await asyncio.sleep(0.3)
            return await super().reserve(hold, after)

    async def main() -> None:
        asked, store = caller(), Late()
        async with Router(policy(COUNTED), asked, store=store) as router:
            with pytest.raises((AllModelsFailedError, NoCandidateError)):
                await ask(router, stream=False, deadline=0.7)
        assert asked.calls == []
        assert [row async for row in store.rows()] == []
        assert [balance.held for balance in await store.balances()] in ([], [0])

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_the_synchronous_calls_keep_it_too(stream: bool) -> None:
    with Router(policy(POLICY), FakeCaller(a=[HANG], b=[HANG])) as router:
        options: Any = {"deadline": SHORT, "stream": stream}
        with pytest.raises(AllModelsFailedError):
            router.completion(HELLO, **options)


@pytest.mark.parametrize("value", [0, -1, "3", True, float("nan"), [3]])
def test_a_deadline_is_a_number_of_seconds(value: Any) -> None:
    with (
        Router(policy(POLICY), OwnCaller(lambda _: answer("hello"))) as router,
        pytest.raises(UsageError, match="`deadline` must be a number of seconds above 0"),
    ):
        router.completion(HELLO, deadline=value)


@pytest.mark.parametrize("value", [10**400, float("inf"), 1e300])
def test_a_deadline_may_be_as_long_as_one_likes(value: Any) -> None:
    with Router(policy(POLICY), OwnCaller(lambda _: answer("hello"))) as router:
        assert router.completion(HELLO, deadline=value).served_by == "a"


def test_a_large_body_that_takes_longer_to_read_than_the_deadline_is_refused() -> None:
    many = [{"role": "user", "content": f"message {number}"} for number in range(9_000)]

    async def main() -> None:
        asked = caller()
        async with Router(policy(POLICY), asked) as router:
            with pytest.raises(TooLargeError, match="was not read within its deadline") as raised:
                await router.acompletion(many, deadline=1e-6)
            assert raised.value.http_status == 413
            assert asked.calls == []
            with pytest.raises(UsageError, match="`deadline` must be a number"):
                await router.acompletion(many, deadline=-1)
            assert await ask(router, stream=False) == "a", "the router still answers"

    asyncio.run(main())
