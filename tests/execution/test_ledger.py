"""Limits and budgets from end to end: policy, router, real HTTP, real LiteLLM."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import (
    AllModelsFailedError,
    BudgetExceededError,
    RateLimitError,
    Router,
    StateUnavailableError,
)
from policy_router.acceptance.user_code import Functions
from policy_router.domain.identity import bounded_id
from policy_router.domain.limits import LEASE
from policy_router.events import NoRoom, StoreLostData, Warned
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.status import StoreStatus
from policy_router.live.policy_compiler import compile_policy
from policy_router.live.reload import Live
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.simulated import Cut, Fail, Say, Simulated, Stall
from tests.cli.run import run
from tests.ledger.stores import NOON, STORES, Clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from policy_router.events import Event
    from policy_router.ledger.reader import LedgerEntry
    from policy_router.ledger.store import Ending, Granted, Hold, Refused, Stale, Unavailable

HELLO = [{"role": "user", "content": "Hello!"}]

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: {{ model: openai/small, api_base: "{url}", tier: light, price: free, context: 8k }}
  big:
    model: openai/big
    api_base: "{url}"
    tier: heavy
    price: {{ input: $1/M, output: $2/M }}
    context: 128k
    can: [tools]
prefer: [quality]
fallback: {{ first_token_within: 60s, stall: 60s, deadline: 120s, on_stream_break: error }}
{counted}
"""


@dataclass
class World:
    """A router on a policy, its store and its events."""

    router: Router
    store: MemoryStore
    provider: Simulated
    events: list[Event] = field(default_factory=list)

    async def rows(self) -> list[LedgerEntry]:
        return [row async for row in self.store.rows()]

    async def spent(self) -> int:
        return sum(row.cost for row in await self.rows())


def _wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)


def play(
    tmp_path: Path,
    counted: str,
    scene: Callable[[World], Awaitable[None]],
    provider: Simulated | None = None,
    policy: str = POLICY,
    *,
    functions: Sequence[str] = (),
) -> None:
    """Runs a scene on a policy with these limits and budgets."""

    async def main(running: Simulated) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(policy.format(url=running.url, counted=counted))
        events: list[Event] = []
        store = MemoryStore(lambda: NOON)
        allowed = Functions(functions)
        live = Live(path, partial(compile_policy, functions=allowed), watch="off").start()
        router = Router(
            live,
            LiteLLMCaller(),
            store=store,
            clock=lambda: NOON,
            on_event=events.append,
            functions=allowed,
        )
        async with router:
            await scene(World(router, store, running, events))
            assert await store.audit() == ()
            assert [b.held for b in await store.balances()] == [0] * len(await store.balances())

    with provider or Simulated({"small": Say("from small"), "big": Say("from big")}) as running:
        asyncio.run(main(running))


def test_an_answer_is_charged_what_it_cost(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        answer = await w.router.acompletion(HELLO, user="ada", max_tokens=100)
        usage = answer.usage
        assert usage is not None
        assert usage.prompt_tokens is not None
        assert usage.completion_tokens is not None
        (row,) = await w.rows()
        cost = usage.prompt_tokens * 1000 + usage.completion_tokens * 2000
        assert (row.cost, row.tokens_in, row.tokens_out) == (
            cost, usage.prompt_tokens, usage.completion_tokens,
        )  # fmt: skip
        assert (row.about.model, row.about.user, row.estimated) == ("big", "ada", False)
        assert answer.attempts[0].cost_nano_usd == cost

    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("usage", "charged", "estimated", "overrun"),
    [
        # No count: the prompt's bytes and 16 more, and a byte a token of what came out.
        (None, None, True, False),
        # Thinking that the completion does not include, as the total shows.
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35}, (10, 25), False, False),
        # More than was asked for, and more than the model can do.
        ({"prompt_tokens": 10, "completion_tokens": 500}, (10, 500), False, True),
        (
            {"prompt_tokens": 10, "completion_tokens": 900_000_000},
            (10, 128_000),
            True,
            True,
        ),
        ({"prompt_tokens": -10, "completion_tokens": 5}, None, True, False),
    ],
)
def test_what_the_provider_counted_is_what_is_charged(  # noqa: PLR0917  pytest's parameters
    tmp_path: Path,
    stream: bool,
    usage: dict[str, int] | None,
    charged: tuple[int, int] | None,
    estimated: bool,
    overrun: bool,
) -> None:
    """Whole or streamed: LiteLLM's own guess at a stream's tokens never counts."""

    async def scene(w: World) -> None:
        if stream:
            chunks = await w.router.acompletion(HELLO, stream=True, max_tokens=100)
            async for _ in chunks:
                pass
            attempt = chunks.attempts[0]
        else:
            answer = await w.router.acompletion(HELLO, max_tokens=100)
            attempt = answer.attempts[0]
        (row,) = await w.rows()
        assert (row.estimated, attempt.estimated, attempt.overrun) == (
            estimated, estimated, overrun,
        )  # fmt: skip
        if charged is None:
            assert row.tokens_in > len("Hello!") + 16
            assert row.tokens_out == len("one two")
        else:
            assert (row.tokens_in, row.tokens_out) == charged
        assert row.cost == attempt.cost_nano_usd == row.tokens_in * 1000 + row.tokens_out * 2000

    provider = Simulated({"big": Say("one two", usage=usage)})
    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene, provider)


def test_a_spent_budget_means_free_models(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        first = await w.router.acompletion(HELLO, max_tokens=4000)
        assert first.served_by == "big"
        # $0.01 has no room for 4,000 tokens of output at $2/M in addition to what was spent.
        second = await w.router.acompletion(HELLO, max_tokens=4000)
        assert second.served_by == "small"
        skip = next(s for s in second.decision.skipped if s.model == "big")
        assert skip.reason == "budget"
        assert skip.until is not None
        with pytest.raises(BudgetExceededError) as caught:
            await w.router.acompletion(HELLO, max_tokens=4000, model="big")
        assert caught.value.http_status == 402
        assert caught.value.retry_after == skip.until - NOON
        assert "budget `all`" in str(caught.value)

    dear = Say("from big", usage={"prompt_tokens": 100, "completion_tokens": 2000})
    provider = Simulated({"small": Say("from small"), "big": dear})
    play(tmp_path, "budgets: { all: { cap: $0.01/month } }", scene, provider)


def test_what_others_took_since_the_decision_is_seen_when_it_matters(tmp_path: Path) -> None:
    """Twenty at once: all are decided on an empty budget, no more than fit are sent."""

    async def scene(w: World) -> None:
        answers = await asyncio.gather(
            *(w.router.acompletion(HELLO, max_tokens=1000) for _ in range(20))
        )
        served = [a.served_by for a in answers]
        assert served.count("big") == 4
        assert served.count("small") == 16
        passed = [e for e in w.events if isinstance(e, NoRoom)]
        assert len(passed) == 16
        assert {e.skip.reason for e in passed} == {"budget"}

    play(tmp_path, "budgets: { all: { cap: $0.009/month } }", scene)


def test_a_full_limit_is_refused_with_the_time_it_opens(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        for _ in range(2):
            await w.router.acompletion(HELLO, user="ada")
        with pytest.raises(RateLimitError) as caught:
            await w.router.acompletion(HELLO, user="ada")
        assert caught.value.http_status == 429
        assert caught.value.retry_after == 61
        await w.router.acompletion(HELLO, user="bob")

    play(
        tmp_path,
        "budgets: { all: { cap: unlimited } }\nlimits: { each: { per: user, requests: [2/min] } }",
        scene,
    )


@pytest.mark.parametrize(
    ("cap", "more", "least", "most"),
    [
        # All that its context holds is reserved, and needs no cap; but no more than a quarter of a
        # limit, and what a limit of tokens has room for.
        ("$5/month", "", None, None),
        ("$0.20/month", "", 24_900, 25_000),
        ("$0.03/month", "", 4_096, 4_096),
        ("$5/month", "limits: { big: { models: [big], tokens: [2k/min] } }", 1_900, 2_000),
    ],
)
def test_the_answer_is_bounded_by_what_was_reserved(
    tmp_path: Path, cap: str, more: str, least: int | None, most: int | None
) -> None:
    async def scene(w: World) -> None:
        await w.router.acompletion(HELLO)
        await w.router.acompletion(HELLO, max_completion_tokens=7)
        await w.router.acompletion(HELLO, model="small")
        first, *sent = [
            (r.body.get("max_tokens"), r.body.get("max_completion_tokens"))
            for r in w.provider.requests
        ]
        if least is None or most is None:
            assert first == (None, None)
        else:
            assert least <= (first[0] or 0) <= most
        assert sent == [(None, 7), (None, None)]

    play(tmp_path, f"budgets: {{ all: {{ cap: {cap} }} }}\n{more}", scene)


@pytest.mark.parametrize(
    ("behaviour", "charged"),
    [
        (Fail(500), 0),
        (Fail(429), 0),
        (Fail(401), 0),
        (Stall(), "all"),
    ],
)
def test_a_failed_attempt_is_charged_by_the_table(
    tmp_path: Path, behaviour: Any, charged: object
) -> None:
    async def scene(w: World) -> None:
        # An attempt that stalls gets half of the time.
        answer = await w.router.acompletion(HELLO, max_tokens=1000, n=2, deadline=12)
        assert answer.served_by == "small"
        rows = await w.rows()
        first = rows[0]
        assert first.about.model == "big"
        whole = first.tokens_in * 1000 + 2 * 1000 * 2000
        assert first.cost == (whole if charged == "all" else 0)
        assert first.estimated == (charged == "all")

    provider = Simulated({"small": Say("from small"), "big": behaviour})
    counted = "budgets: { all: { cap: $5/month } }"
    play(tmp_path, counted, scene, provider)


def test_streams_are_settled(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        async with await w.router.acompletion(HELLO, stream=True, max_tokens=50) as stream:
            _ = [chunk async for chunk in stream]
        (row,) = await w.rows()
        assert 0 < row.cost < 100_000
        assert not row.estimated
        # Left in the middle: it is unknown what the provider bills.
        stream = await w.router.acompletion(HELLO, stream=True, max_tokens=50)
        await stream.aclose()
        *_, last = await w.rows()
        assert last.estimated
        assert last.tokens_out == 50

    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene)


def test_a_cut_stream_is_charged_in_full(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        stream = await w.router.acompletion(HELLO, stream=True, max_tokens=50)
        with pytest.raises(Exception, match="broke"):
            _ = [chunk async for chunk in stream]
        (row,) = await w.rows()
        assert row.estimated
        assert row.tokens_out == 50

    provider = Simulated({"small": Say("x"), "big": Cut(after=2)})
    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene, provider)


def test_a_cancelled_request_is_settled_all_the_same(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        asking = asyncio.ensure_future(w.router.acompletion(HELLO, max_tokens=50))
        await asyncio.to_thread(_wait_for, lambda: bool(w.provider.requests))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        (row,) = await w.rows()
        assert row.estimated
        assert row.tokens_out == 50

    provider = Simulated({"small": Say("x"), "big": Stall()})
    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene, provider)


def test_a_request_cancelled_on_its_way_to_the_next_model_settles_the_last(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        moving = asyncio.Event()
        reserve = w.store.reserve

        async def hangs(
            hold: Hold, after: Ending | None = None
        ) -> Granted | Refused | Stale | Unavailable:
            if after is not None:
                moving.set()
                await asyncio.Event().wait()
            return await reserve(hold, after)

        w.store.reserve = hangs  # type: ignore[method-assign]
        asking = asyncio.ensure_future(w.router.acompletion(HELLO, max_tokens=50))
        reached = asyncio.ensure_future(moving.wait())
        await asyncio.wait([reached, asking], return_when=asyncio.FIRST_COMPLETED)
        assert not asking.done(), "it ended before it asked for the next model"
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert [row.about.model for row in await w.rows()] == ["big"]

    provider = Simulated({"small": Say("x"), "big": Fail(500)})
    play(tmp_path, "budgets: { all: { cap: $5/month } }", scene, provider)


def test_a_seat_is_free_again_after_the_answer(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        for _ in range(3):
            assert (await w.router.acompletion(HELLO)).served_by == "big"
        answers = await asyncio.gather(*(w.router.acompletion(HELLO) for _ in range(3)))
        assert sorted(a.served_by for a in answers) == ["big", "small", "small"]

    counted = (
        "budgets: { all: { cap: unlimited } }\nlimits: { one: { models: [big], concurrent: 1 } }"
    )
    play(tmp_path, counted, scene)


@pytest.mark.parametrize("store", STORES)
def test_a_seat_of_a_dead_process_is_free_after_its_lease(tmp_path: Path, store: str) -> None:
    clock = Clock()

    async def main(url: str) -> None:
        counted = "limits: { one: { models: [big], concurrent: 1 } }\n"
        counted += "budgets: { all: { cap: unlimited } }"
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.format(url=url, counted=counted))
        live = Live(path, compile_policy, watch="off").start()
        kept = STORES[store](clock, tmp_path)
        async with Router(live, LiteLLMCaller(), store=kept, clock=clock) as router:
            # What a process that dies leaves behind: a hold that is never renewed or ended.
            left = await router.acompletion(HELLO, stream=True)
            assert left.served_by == "big"
            clock.now += LEASE - 1
            assert (await router.acompletion(HELLO)).served_by == "small"
            clock.now += 1
            assert (await router.acompletion(HELLO)).served_by == "big"
            await left.aclose()

    with Simulated({"small": Say("x"), "big": Say("y")}) as running:
        asyncio.run(main(running.url))


@pytest.mark.parametrize("store", STORES)
def test_a_user_that_cannot_be_encoded_closes_no_other_budget(tmp_path: Path, store: str) -> None:
    async def main(url: str) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(
            POLICY.format(url=url, counted="budgets: { each: { per: user, cap: $1/day } }")
        )
        live = Live(path, compile_policy, watch="off").start()
        kept = STORES[store](Clock(), tmp_path)
        guarded = DegradableStore(kept, clock=lambda: NOON)
        async with Router(live, LiteLLMCaller(), store=guarded, clock=lambda: NOON) as router:
            for user in ("\ud800", "\udfff", "\ud800" * 200, "bob", "\ud800"):
                answer = await router.acompletion(HELLO, user=user, max_tokens=50)
                assert answer.served_by == "big"
            assert guarded.status.up
            users = [row.about.user async for row in kept.rows()]
            assert users == ["\\ud800", "\\udfff", bounded_id("\ud800" * 200), "bob", "\\ud800"]
            assert max(map(len, users)) < 100
            subjects = {bucket.key.subject for bucket in await kept.balances()}
            assert len(subjects) == 4

    with Simulated({"small": Say("x"), "big": Say("y")}) as running:
        asyncio.run(main(running.url))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("cap", "error"), [("unlimited", RateLimitError), ("$1/day", BudgetExceededError)]
)
def test_an_answer_of_any_length_is_counted(
    tmp_path: Path, store: str, cap: str, error: type[Exception]
) -> None:
    async def main(url: str) -> None:
        counted = f"budgets: {{ all: {{ models: [big], cap: {cap} }} }}\n"
        counted += "limits: { all: { requests: [2/min] } }"
        path = tmp_path / "policy.yaml"
        unbounded = POLICY.replace("    context: 128k\n", "")
        path.write_text(unbounded.format(url=url, counted=counted))
        live = Live(path, compile_policy, watch="off").start()
        guarded = DegradableStore(STORES[store](Clock(), tmp_path), clock=lambda: NOON)
        async with Router(live, LiteLLMCaller(), store=guarded, clock=lambda: NOON) as router:
            for _ in range(2 if error is RateLimitError else 0):
                await router.acompletion(HELLO, max_tokens=10**9, n=128, model="big")
            with pytest.raises(error):
                await router.acompletion(HELLO, max_tokens=10**9, n=128, model="big")
            assert guarded.status == StoreStatus(up=True, detail="", owed=0, lost=0)
            assert router.store_status() == guarded.status

    with Simulated({"small": Say("x"), "big": Say("y")}) as running:
        asyncio.run(main(running.url))


def test_a_ledger_that_lost_data_is_closed_for_money_until_an_operator_accepts(
    tmp_path: Path,
) -> None:
    ledger, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    state = f"sqlite:///{ledger}"

    async def main(url: str) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.format(url=url, counted="budgets: { all: { cap: $5/month } }"))
        events: list[Event] = []
        async with Router.open(path, state=state, watch="off", on_event=events.append) as router:
            await router.acompletion(HELLO, max_tokens=50)
            with sqlite3.connect(ledger) as connection:
                connection.execute("VACUUM INTO ?", (str(copy),))
            connection.close()
            await router.acompletion(HELLO, max_tokens=50)
            copy.replace(ledger)
            for suffix in ("-wal", "-shm"):
                ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
            for _ in range(3):
                with pytest.raises(StateUnavailableError):
                    await router.acompletion(HELLO, max_tokens=50, model="big")
            with pytest.raises(
                StateUnavailableError, match="lost data: it went back from change 4 to"
            ):
                await router.acompletion(HELLO, max_tokens=50, model="big")
            answer = await router.acompletion(HELLO, max_tokens=50)
            assert answer.served_by == "small"  # it costs nothing
            status = router.store_status()
            assert status is not None
            assert status.loss.startswith("it went back from change 4 to change 2")
            accepted = await asyncio.to_thread(run, "doctor", "--accept-loss", "--state", state)
            assert "accepted: it went back from change 4 to change 2" in accepted.out
            answer = await router.acompletion(HELLO, max_tokens=50)
            assert answer.served_by == "big"
            lost = [(e.lost, e.detail) for e in events if isinstance(e, StoreLostData)]
            assert lost == [(True, status.loss), (False, "")]

    with Simulated({"small": Say("x"), "big": Say("y")}) as running:
        asyncio.run(main(running.url))


def test_a_threshold_is_reported_once(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        assert w.router.store_status() is None  # this one is not degradable
        for _ in range(3):
            await w.router.acompletion(HELLO, user="ada", max_tokens=50)
        warned = [e for e in w.events if isinstance(e, Warned)]
        assert [(e.budget, e.subject, e.metric, e.share) for e in warned] == [
            ("each", "ada", "usd", 0.01)
        ]

    counted = "budgets: { each: { per: user, cap: $0.001/day, warn_at: [1%] } }"
    play(tmp_path, counted, scene)


def test_no_model_left_after_a_failure(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        with pytest.raises(AllModelsFailedError) as caught:
            await w.router.acompletion(HELLO)
        assert {a.model for a in caught.value.attempts} == {"big"}
        assert [s.reason for s in caught.value.decision.skipped] == ["rate_limit"]

    counted = "limits: { a: { models: [small], tokens: [5/min] } }\n"
    provider = Simulated({"small": Say("x"), "big": Fail(500)})
    play(tmp_path, counted + "budgets: { all: { cap: $5/day } }", scene, provider)


def test_no_model_has_room(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        with pytest.raises(RateLimitError) as caught:
            await w.router.acompletion(HELLO)
        assert caught.value.retry_after is None  # a request of this size never fits

    counted = "limits: { a: { tokens: [5/min] } }\nbudgets: { all: { cap: $5/day } }"
    play(tmp_path, counted, scene)
