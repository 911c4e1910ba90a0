"""A month of requests through a simulated provider, with a journal: 300 requests in 30 days.

Every day has six chats, three tasks of code and one proof, in an order that a seed gives. The free
model refuses every tenth chat, so that the next one answers. What it all comes to was worked out by
hand and stands below.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from policy_router.journal.journal import Journal
from policy_router.ledger.open import open_store
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.simulated import Fail, Say, Simulated
from policy_router.providers.simulated.behaviour import ByBody
from policy_router.router.router import Router

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY: Final = 86_400.0
DAYS: Final = 30
BEGIN: Final = 1_793_491_200.0
"""2026-11-01, 00:00 UTC."""
END: Final = BEGIN + DAYS * DAY
MINUTES: Final = 30
"""Between two requests of a day."""

POLICY: Final = """\
version: 1
name: team
tiers: [light, standard, heavy]
models:
  small:
    {{ model: openai/small, api_base: "{url}", via: direct, tier: light, price: free,
      context: 32k, gpu_memory: 20GB }}
  mid:
    {{ model: openai/mid, api_base: "{url}", via: direct, tier: standard, context: 32k,
      price: {{ input: $1/M, output: $4/M }} }}
  heavy:
    {{ model: openai/heavy, api_base: "{url}", via: direct, tier: heavy, context: 32k,
      price: {{ input: $10/M, output: $30/M }} }}
tasks:
  code: {{ keywords: [refactor], min_tier: standard }}
  proof: {{ keywords: [prove], min_tier: heavy }}
  chat: {{}}
prefer: [free, cheapest]
budgets: {{ month: {{ cap: $5/month, then: warn }} }}
limits: {{ free-calls: {{ models: [small], requests: [50/day] }} }}
fallback: {{ step_down: false, on_error: {{ server_error: next }} }}
reports:
  baselines: {{ always-heavy: heavy, fair: cheapest_that_fits }}
  gpu: {{ memory: 80GB, price: $2.50/hour }}
"""

TOKENS: Final[Mapping[str, tuple[int, int]]] = {
    "chat": (1_000, 200), "code": (2_000, 500), "proof": (4_000, 1_000),
}  # fmt: skip
"""Tokens in and out of each kind of request, whichever model answers."""
WORDS: Final = {kind: "please " * tokens_in for kind, (tokens_in, _) in TOKENS.items()}
"""Texts that are about as long as that."""
A_DAY: Final[Mapping[str, int]] = {"chat": 6, "code": 3, "proof": 1}

# -- worked out by hand, in nano-USD ---------------------------------------------------------------
#
# Chats: 180, of which the free model answers 162, and `mid` the 18 that it refuses:
#   1,000 tokens x $1/M + 200 x $4/M = $0.001 + $0.0008 = $0.0018; 18 x $0.0018 = $0.0324.
# Code: 90 answers of `mid`: 2,000 x $1/M + 500 x $4/M = $0.002 + $0.002 = $0.004; x 90 = $0.36.
# Proofs: 30 answers of `heavy`: 4,000 x $10/M + 1,000 x $30/M = $0.07; x 30 = $2.10.
SPENT: Final = 2_492_400_000
"""$0.0324 + $0.36 + $2.10 = $2.4924."""
# `heavy` for everything: a chat costs 1,000 x $10/M + 200 x $30/M = $0.01 + $0.006 = $0.016, code
# $0.02 + $0.015 = $0.035, a proof $0.07: 180 x $0.016 + 90 x $0.035 + 30 x $0.07.
ALWAYS_HEAVY: Final = 8_130_000_000
"""$2.88 + $3.15 + $2.10 = $8.13."""
# The cheapest with a price: `mid` for chats and code, `heavy` for proofs: 180 x $0.0018 + $0.36 +
# $2.10.
CHEAPEST_THAT_FITS: Final = 2_784_000_000
"""$0.324 + $0.36 + $2.10 = $2.784."""
FREE_SHARE: Final = 0.54
"""162 of 300 answers."""


@dataclass(slots=True)
class Clock:
    """A clock that is set."""

    now: float = BEGIN

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Refusals:
    """The free model refuses every tenth chat."""

    calls: int = field(default=0)

    def __call__(self, body: Mapping[str, Any]) -> Say | Fail:
        self.calls += 1
        return Fail(500) if self.calls % 10 == 0 else answer(body)


def answer(body: Mapping[str, Any]) -> Say:
    """An answer whose tokens are those of its kind of request."""
    kind = str(body["messages"][-1]["content"]).split(":", maxsplit=1)[0]
    tokens_in, tokens_out = TOKENS[kind]
    return Say("done", usage={"prompt_tokens": tokens_in, "completion_tokens": tokens_out,
                              "total_tokens": tokens_in + tokens_out})  # fmt: skip


def run_month(journal: str, state: str, seed: int = 7) -> str:
    """Send the requests of a month.

    Args:
        journal: Address of the journal.
        state: Address of the store of counters.
        seed: Gives the order of each day.

    Returns:
        The text of the policy.
    """
    scripts = {"small": ByBody(Refusals()), "mid": ByBody(answer), "heavy": ByBody(answer)}
    with Simulated(scripts) as provider:
        policy = POLICY.format(url=provider.url)
        asyncio.run(_send(policy, journal, state, random.Random(seed)))  # noqa: S311  repeatable
    return policy


async def _send(policy: str, journal: str, state: str, dice: random.Random) -> None:
    clock = Clock()
    kept = Journal(journal, clock=clock)
    store = open_store(state, clock)
    async with Router(
        load(text=policy), DefaultCaller(), store=store, clock=clock, journal=kept
    ) as router:
        for day in range(DAYS):
            kinds = [kind for kind, number in A_DAY.items() for _ in range(number)]
            dice.shuffle(kinds)
            for place, kind in enumerate(kinds):
                clock.now = BEGIN + day * DAY + 8 * 3600 + place * MINUTES * 60
                await router.acompletion(
                    [{"role": "user", "content": f"{kind}: {WORDS[kind]}"}],
                    task=kind, user=("ada", "bob")[place % 2], team="research",
                )  # fmt: skip
