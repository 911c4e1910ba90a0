"""A router with a month of made traffic behind it, for pages to show."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from policy_router import PolicyRouterError, Router
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.journal.journal import Journal
from policy_router.observe.router_events import RouterEvents
from policy_router.providers.simulated import Fail, Say, Simulated
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from policy_router.options import RequestOptions

DAY: Final = 86_400
DAYS: Final = 30
POLICY: Final = """\
version: 1
name: acme
timezone: UTC
tiers: [light, standard, heavy]

models:
  qwen-local:   {{ model: openai/qwen, api_base: "{url}", via: direct, tier: light, price: free,
                  context: 32k, tags: [local], latency: 600ms, quality: 0.55 }}
  haiku:        {{ model: openai/haiku, api_base: "{url}", via: direct, tier: light,
                  price: {{ input: $0.8/M, output: $4/M }}, context: 200k, can: [tools, json],
                  latency: 900ms, quality: 0.7 }}
  deepseek:     {{ model: openai/deepseek, api_base: "{url}", via: direct, tier: standard,
                  price: {{ input: $0.3/M, output: $1.1/M }}, context: 128k, can: [tools, json],
                  latency: 2s, quality: 0.78 }}
  sonnet:       {{ model: openai/sonnet, api_base: "{url}", via: direct, tier: standard,
                  price: {{ input: $3/M, output: $15/M }}, context: 200k,
                  can: [tools, json, vision], latency: 2s, quality: 0.88 }}
  opus:         {{ model: openai/opus, api_base: "{url}", via: direct, tier: heavy,
                  price: {{ input: $15/M, output: $75/M }}, context: 200k,
                  can: [tools, json, vision], latency: 4s, quality: 0.95 }}

tasks:
  chat:      {{}}
  extract:   {{ needs: [json] }}
  code:      {{ min_tier: standard }}
  review:    {{ min_tier: heavy }}

prefer: [free, cheapest]

rules:
  - {{ name: private stays local, when: {{ tags: private }}, only: [local] }}
  - {{ name: payroll is not for models, when: {{ tags: payroll }},
       deny: payroll data stays out of models }}
  - {{ name: code begins with sonnet, when: {{ task: code }}, first: [sonnet] }}
  - {{ name: reviews get opus, when: {{ task: review }}, first: [opus] }}
  - {{ name: growth tries deepseek, when: {{ team: growth }}, first: [deepseek] }}
  - {{ name: support stays cheap, when: {{ team: support }}, avoid: [opus] }}
  - {{ name: no pictures to deepseek, when: {{ has_images: true }}, avoid: [deepseek] }}
  - {{ name: long ones avoid haiku, when: tokens > 100000, avoid: [haiku] }}
  - {{ name: batch at night, when: {{ tags: batch }}, shadow: true, avoid: [opus, sonnet] }}
  - {{ name: old pilot, when: {{ tags: pilot-2025 }}, first: [opus] }}

budgets:
  month:   {{ cap: $400/month, then: free_only }}
  growth:  {{ cap: $2/day, per: team }}
limits:
  calls:   {{ requests: [900/min] }}

experiments:
  deepseek-for-chat:
    when: {{ task: chat }}
    share: 30%
    first: [deepseek]
    measure: success

reports:
  baselines: {{ always-sonnet: sonnet, fair: cheapest_that_fits }}

learning: {{ mode: suggest }}

invariants:
  - {{ name: private data stays local, when: {{ tags: private }}, only: [local] }}
  - {{ name: payroll is refused, when: {{ tags: payroll }}, always_denied: true }}
  - {{ name: support never gets opus, when: {{ team: support }}, never: [opus] }}
  - {{ name: growth never gets vision of deepseek, never: [deepseek],
       when: {{ team: growth, has_images: true }} }}
"""
MODELS: Final = {
    "qwen": ("qwen-local", "light", 0.0, 0.5),
    "haiku": ("haiku", "light", 0.0011, 0.8),
    "deepseek": ("deepseek", "standard", 0.0006, 2.4),
    "sonnet": ("sonnet", "standard", 0.009, 2.1),
    "opus": ("opus", "heavy", 0.05, 4.6),
}
"""Tier, dollars and seconds of a call of each model."""
_ASKED: Final = (
    ("chat", "qwen", (), 42),
    ("chat", "haiku", ("support stays cheap",), 14),
    ("extract", "deepseek", ("growth tries deepseek",), 16),
    ("code", "sonnet", ("code begins with sonnet",), 18),
    ("review", "opus", ("reviews get opus",), 4),
    ("chat", "qwen", ("private stays local",), 9),
    ("chat", "sonnet", ("no pictures to deepseek",), 2),
)
"""Task, model, rules and weight of the kinds of requests that are made."""
USERS: Final = ("ada", "bob", "cleo", "dan")
_TEAMS: Final = ("core", "growth", "support")


@dataclass(frozen=True, slots=True)
class Wall:
    """A server with a page.

    Attributes:
        address: Its address.
        router: What it serves.
        provider: The simulated models.
        policy_file: The file of the policy.
    """

    address: str
    router: Router
    provider: Simulated
    policy_file: Path

    @property
    def ui(self) -> str:
        """The address of the page."""
        return f"{self.address}/ui"


def made_outcomes(now: float, number: int = 2400, seed: int = 7) -> Iterator[Outcome]:
    """Outcomes of a month, the oldest first.

    Args:
        now: Unix time of the end of the month.
        number: How many requests.
        seed: Of everything that is drawn.
    """
    random = Random(seed)  # noqa: S311  made traffic is no secret
    kinds = [kind for kind in _ASKED for _ in range(kind[3])]
    for request in range(number):
        at = now - DAYS * DAY * (1 - (request + random.random()) / number)
        task, model, rules, _ = random.choice(kinds)
        common: dict[str, Any] = {
            "decision": f"past-{request}", "task": task, "rules": rules, "revision": "past",
            "user": random.choice(USERS), "team": random.choice(_TEAMS), "key": None,
            "session": f"agent-{request // 9 % 40}" if task == "code" else None,
            "client": "claude-code" if task == "code" else None,
        }  # fmt: skip
        if task == "code" and random.random() < 0.25:
            model = "opus" if random.random() < 0.6 else "haiku"
        if random.random() < 0.02:
            yield Outcome(**common, at=at, role=Role.REFUSED, rank=0, ok=False, failure="budget",
                          ending=RequestEnding.DENIED)  # fmt: skip
            continue
        rank = 1
        if random.random() < 0.09:
            why = random.choice(("timeout", "overloaded", "rate_limited", "server_error"))
            then = random.choice(("haiku", "deepseek", "sonnet"))
            yield replace(_call(random, common, model, at, rank, failure=why), next_model=then)
            model, rank = then, 2
        lost = random.random() < 0.006
        last = RequestEnding.FAILED if lost else RequestEnding.ANSWERED
        yield _call(random, common, model, at + rank, rank,
                    failure="server_error" if lost else None, ending=last)  # fmt: skip


def _call(  # noqa: PLR0917  a row
    random: Random, common: dict[str, Any], model: str, at: float, rank: int,
    failure: str | None, ending: RequestEnding | None = None,
) -> Outcome:  # fmt: skip
    name, tier, dollars, seconds = MODELS[model]
    tokens = int(400 * (1 + 9 * random.random()))
    return Outcome(
        **common,
        at=at, role=Role.FIRST if rank == 1 else Role.AFTER_FAILURE, rank=rank, model=name,
        provider="openai", tier=tier, ok=failure is None, failure=failure,
        seconds=seconds * (0.6 + random.random()), tokens_in=tokens, tokens_out=tokens // 4,
        tokens_cached=tokens // 2 if random.random() < 0.7 else 0,
        cost=0 if failure else int(dollars * 1e9 * tokens / 2000), served=failure is None,
        ending=ending,
    )  # fmt: skip


def _behaviour(name: str, random: Random) -> list[Say | Fail]:
    """Answers of a model, some of them slow, and a few failures."""
    failing = 0.2 if name in ("sonnet", "deepseek") else 0.0
    return [
        Fail(random.choice((503, 529)))
        if random.random() < failing
        else Say("a made answer of a few words", latency=random.random() / 40)
        for _ in range(200)
    ]


@contextmanager
def wall(folder: Path, *, policy: str = POLICY, past: int = 2400, live: int = 60) -> Iterator[Wall]:
    """Serve a page over a month of made traffic.

    Args:
        folder: Where the policy, the counters and the journal are kept.
        policy: The policy, with `{url}` in place of the address of the models.
        past: Requests of the past month in the journal.
        live: Requests that are really made.
    """
    journal = f"sqlite:///{folder}/journal.db"
    if past:
        with Journal(journal) as writer:
            for number, outcome in enumerate(made_outcomes(time.time() - 60, past)):
                writer.add(outcome)
                if number % 1000 == 999:
                    writer.flush()
    random = Random(11)  # noqa: S311  as above
    with Simulated({name: _behaviour(name, random) for name in MODELS}) as provider:
        file = folder / "policy.yaml"
        file.write_text(policy.format(url=provider.url))
        events = RouterEvents()
        with chdir(folder):  # so that places in the policy are as short as a person has them
            opened = Router.open(file.name, watch="off", journal=journal, on_event=events)
        with opened as router:
            app = create_app(router, lifespan=closes(router))
            run(make_requests(router, live))
            run(router.experience.refresh())
            with served(app) as address:
                yield Wall(address, router, provider, file)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run something to its end in a thread, since a browser's driver has a loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work).result()


async def make_requests(router: Router, number: int, seed: int = 3) -> None:
    """Make requests of several kinds, one after the other."""
    random = Random(seed)  # noqa: S311  as above
    for request in range(number):
        task = random.choice(("chat", "chat", "extract", "code", "review"))
        options: RequestOptions = {
            "task": task, "user": random.choice(USERS), "team": random.choice(_TEAMS),
            "tags": ["private"] if random.random() < 0.15 else
                    ["payroll"] if random.random() < 0.05 else [],
            "session": f"agent-{request % 5}" if task == "code" else None,
        }  # fmt: skip
        asked = [{"role": "user", "content": f"please do number {request}"}]
        with suppress(PolicyRouterError):
            await router.acompletion(asked, **options)
