"""One call of one model: reserved, called, classified, counted for cooldowns, settled."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.decision import Reason
from policy_router.domain.fallback import Cooldown
from policy_router.execution.attempt import CallContext, RunningAttempt
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.side_call import SideCall, side_call
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.reader import EntryKind
from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.user_caller import AdaptedCaller
from tests.execution.make import HANG, HELLO, FakeCaller, response, spoken
from tests.execution.test_accounting import NOON, PAID, account, budget, policy, rows

if TYPE_CHECKING:
    from policy_router.execution.accounts.account import RequestAccount

R500 = Failure(FailureKind.SERVER_ERROR, "500", 500)
R429 = Failure(FailureKind.RATE_LIMITED, "429", 429, retry_after=30)
USED = SimpleNamespace(prompt_tokens=10, completion_tokens=20)


class Setting:
    """An attempt at a paid model, and what is around it."""

    def __init__(self, script: Any, cap: int = 3_000, *, fair: float = 10.0) -> None:
        self.now = 100.0
        self.store = MemoryStore(lambda: NOON)
        self.cooldowns = Cooldowns(lambda: NOON)
        self.caller = FakeCaller(paid=[script])
        self.account: RequestAccount = account(self.store, policy(budget(cap)))
        self.attempt = RunningAttempt(
            CallContext(AdaptedCaller(self.caller), lambda: NOON, lambda: self.now, self.cooldowns),
            PAID,
            account=self.account,
            cooldown=Cooldown(),
            fair=fair,
        )

    async def failure(self, limit: float = 10.0) -> Failure:
        assert await self.attempt.reserve() is None
        self.attempt.start(limit)
        with pytest.raises(CallFailed) as failed:
            await self.attempt.call(HELLO)
        return failed.value.failure

    async def kinds(self) -> list[tuple[EntryKind, int]]:
        return [(row.kind, row.cost) for row in await rows(self.store)]


def test_an_answer_is_charged_by_its_count() -> None:
    async def main() -> None:
        setting = Setting(response("hello", usage=USED))
        assert await setting.attempt.reserve() is None
        setting.attempt.start(10.0)
        setting.now += 2.5
        await setting.attempt.call(HELLO)
        attempt = setting.attempt.end(None)
        assert await setting.kinds() == []  # noted, not settled yet
        await setting.attempt.settle()
        assert await setting.kinds() == [(EntryKind.SETTLE, 50)]
        assert (attempt.model, attempt.failure, attempt.cost_nano_usd) == ("paid", None, 50)
        assert (attempt.started, attempt.seconds) == (NOON, 2.5)
        assert (attempt.tokens_in, attempt.tokens_out) == (10, 20)
        assert setting.caller.limits == [10.0]

    asyncio.run(main())


def test_what_has_no_room_is_not_reserved() -> None:
    async def main() -> None:
        setting = Setting(response(), cap=1)
        skip = await setting.attempt.reserve()
        assert skip is not None
        assert skip.reason is Reason.BUDGET
        assert setting.caller.calls == []

    asyncio.run(main())


def test_the_cap_that_was_reserved_is_sent() -> None:
    async def main() -> None:
        setting = Setting(response())
        assert await setting.attempt.reserve() is None
        setting.attempt.start(10.0)
        await setting.attempt.call(HELLO)
        assert setting.caller.bodies[0]["max_tokens"] == PAID.max_output
        assert "max_tokens" not in HELLO

    asyncio.run(main())


def test_a_failure_counts_for_cooldowns_and_an_answer_ends_their_growth() -> None:
    async def main() -> None:
        setting = Setting(R429)
        failure = await setting.failure()
        attempt = setting.attempt.end(failure)
        assert (attempt.failure, attempt.status, attempt.retry_after) == ("rate_limited", 429, 30)
        assert setting.cooldowns.until(PAID, NOON) == NOON + 30
        await setting.attempt.settle()
        assert await setting.kinds() == [(EntryKind.SETTLE, 0)]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("limit", "kind"), [(0.01, FailureKind.TIMEOUT), (0.009, FailureKind.DEADLINE)]
)
def test_a_timeout_is_the_model_s_fault_when_it_had_a_fair_time(
    limit: float, kind: FailureKind
) -> None:
    setting = Setting(HANG, fair=0.01)
    failure = asyncio.run(setting.failure(limit))
    assert (failure.kind, failure.detail) == (kind, f"no answer within {limit} s")


def test_a_stream_is_charged_by_what_its_reader_notes() -> None:
    async def main() -> None:
        setting = Setting(spoken("hi"))
        assert await setting.attempt.reserve() is None
        setting.attempt.start(10.0)
        chunks = await setting.attempt.wait(1.0, setting.attempt.stream(HELLO))
        setting.now += 0.5
        setting.attempt.mark_first_token()
        await chunks.aclose()
        assert setting.attempt.record(NO_USAGE).first_token == 0.5
        setting.attempt.produced = 2
        assert (
            setting.attempt.end(R500).cost_nano_usd == 210
        )  # all that was reserved, as nothing was counted
        await setting.attempt.settle()

    asyncio.run(main())


def test_without_an_account_nothing_is_counted() -> None:
    async def main() -> None:
        caller = AdaptedCaller(FakeCaller(paid=[response()]))
        context = CallContext(caller, lambda: NOON, lambda: 0.0, None)
        attempt = RunningAttempt(context, PAID, account=None, cooldown=Cooldown(), fair=1.0)
        assert await attempt.reserve() is None
        attempt.start(1.0)
        assert (await attempt.call(HELLO)).choices[0].message.text == "hello"
        assert attempt.end(None).cost_nano_usd is None
        await attempt.settle()

    asyncio.run(main())


# -- calls that are no attempts of their request ---------------------------------------------------


@pytest.mark.parametrize(
    ("script", "failure"), [(response("hello", usage=USED), None), (R500, FailureKind.SERVER_ERROR)]
)
def test_a_side_call_is_settled_and_reported(script: Any, failure: FailureKind | None) -> None:
    async def main() -> None:
        setting = Setting(script)
        ended: list[SideCall] = []
        assert await setting.attempt.reserve() is None
        call = await side_call(setting.attempt, 10.0, HELLO, ended.append)
        assert ended == [call]
        assert (call.failure and call.failure.kind) == failure
        assert call.attempt.failure == failure
        assert [kind for kind, _ in await setting.kinds()] == [EntryKind.SETTLE]
        assert [bucket.held for bucket in await setting.store.balances()] == [0]

    asyncio.run(main())


def test_a_side_call_that_is_cancelled_is_settled_and_reported() -> None:
    async def main() -> None:
        setting = Setting(HANG)
        ended: list[SideCall] = []
        assert await setting.attempt.reserve() is None
        task = asyncio.create_task(side_call(setting.attempt, 10.0, HELLO, ended.append))
        for _ in range(100):
            if setting.caller.calls:
                break
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [call.attempt.failure for call in ended] == ["cancelled"]
        # It is unknown whether the provider did the work, so all that was reserved is charged.
        assert await setting.kinds() == [(EntryKind.SETTLE, 210)]
        assert setting.cooldowns.until(PAID, NOON) is None

    asyncio.run(main())
