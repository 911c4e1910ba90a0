"""What a provider's count is worth, over HTTP and by every caller: none, and an absurd one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router import Router
from policy_router.events import Attempted
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.simulated import Say, Simulated

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.ledger.reader import LedgerEntry

HELLO: Final = [{"role": "user", "content": "hello"}]
POLICY: Final = """
version: 1
tiers: [light]
models:
  m:
    model: {model}
    api_base: "{url}"
    api_key_env: COUNTED_KEY
    tier: light
    context: 8k
    max_output: 4k
    price: {{input: $1/M, output: $3/M}}
    via: {via}
budgets: {{all: {{cap: $50/month}}}}
"""
WAYS: Final = {
    "openai_wire": ("openai/m", "direct"),
    "anthropic_wire": ("anthropic/m", "direct"),
    "responses_wire": ("openai/responses/m", "direct"),
    "litellm, openai": ("openai/m", "litellm"),
    "litellm, anthropic": ("anthropic/m", "litellm"),
    "litellm, groq": ("groq/m", "litellm"),
    "litellm, openrouter": ("openrouter/m", "litellm"),
}
CASES: Final = [
    pytest.param(way, stream, id=f"{way}-{'stream' if stream else 'whole'}")
    for way in WAYS
    for stream in (False, True)
]


@dataclass
class Charged:
    """What an answer was charged, in each place that says so."""

    attempt: Attempt
    reported: Attempt
    row: LedgerEntry


def charged(way: str, say: Say, *, stream: bool) -> Charged:
    """Ask once for at most 50 tokens."""
    model, via = WAYS[way]

    async def main(url: str) -> Charged:
        store, events = MemoryStore(), list[Any]()
        policy = load(text=POLICY.format(model=model, url=url, via=via))
        async with Router(policy, DefaultCaller(), store=store, on_event=events.append) as router:
            ask: Any = router.acompletion
            asked: Any = await ask(HELLO, stream=stream, max_tokens=50)
            if stream:
                async with asked:
                    [chunk async for chunk in asked]
        (row,) = [row async for row in store.rows()]
        assert sum(balance.held for balance in await store.balances()) == 0
        (event,) = (event for event in events if isinstance(event, Attempted))
        return Charged(asked.attempts[0], event.attempt, row)

    with Simulated({"m": say, "responses/m": say}) as provider:
        url = provider.url.removesuffix("/v1") if "anthropic" in model else provider.url
        return asyncio.run(main(url))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTED_KEY", "sk-none")


@pytest.mark.parametrize(
    ("way", "stream"),
    # LiteLLM reports this one as an error, as its list of lies says.
    [case for case in CASES if case.values != ("litellm, anthropic", False)],
)
def test_an_answer_without_a_count_is_charged_by_its_bytes_as_an_estimate(
    way: str, stream: bool
) -> None:
    found = charged(way, Say("one two three", usage=None), stream=stream)
    assert found.row.estimated
    assert found.row.tokens_out == len("one two three"), "no count that a library made up"
    assert found.row.tokens_in >= len("hello")
    assert found.row.cost >= found.row.tokens_in * 1_000 + found.row.tokens_out * 3_000
    for attempt in (found.attempt, found.reported):
        assert attempt.estimated
        assert not attempt.overrun
        assert attempt.cost_nano_usd == found.row.cost


@pytest.mark.parametrize(("way", "stream"), CASES)
def test_an_absurd_count_is_charged_as_all_that_the_model_can_do(way: str, stream: bool) -> None:
    absurd = 900_000_000
    usage = (
        {"input_tokens": 10, "output_tokens": absurd, "total_tokens": absurd + 10}
        if WAYS[way][0].startswith(("anthropic", "openai/responses"))
        else {"prompt_tokens": 10, "completion_tokens": absurd, "total_tokens": absurd + 10}
    )
    found = charged(way, Say("one two three", usage=usage), stream=stream)
    assert (found.row.tokens_in, found.row.tokens_out) == (10, 8_000)
    assert found.row.cost == 10 * 1_000 + 8_000 * 3_000, "and not $2,700"
    for attempt in (found.attempt, found.reported):
        assert attempt.estimated
        assert attempt.overrun
        assert attempt.cost_nano_usd == found.row.cost
        assert attempt.tokens_out == absurd, "the attempt has the count itself"
