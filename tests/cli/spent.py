"""A store in which something was spent, for the commands that tell of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router import load
from policy_router.decision.facts import situation_of
from policy_router.domain.request import Request
from policy_router.execution.accounting import Accounting
from policy_router.ledger.open import open_store
from policy_router.providers.answers.chat import Usage
from policy_router.providers.failures.failure import Failure, FailureKind

if TYPE_CHECKING:
    import pytest

    from policy_router.decision.policy import Policy

COUNTED = str(Path(__file__).parent / "cases" / "counted.yaml")
NOON = 1_795_003_200.0
"""2026-11-18, 13:00 in Berlin, a Wednesday."""
MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt. ago: seconds before noon. tokens: in and out; None when the provider refused.
    running: it has not ended."""

    model: str
    ago: float = 30.0
    user: str | None = "ada"
    tokens: tuple[int, int] | None = (1000, 500)
    tenant: str | None = None
    key: str | None = None
    running: bool = False
    tokens_bound: int = 1000


def spend(url: str, *tries: Try, policy: str = COUNTED) -> None:
    """Makes these attempts, in order of time."""
    asyncio.run(_spend(url, load(policy), tries))


async def _spend(url: str, policy: Policy, tries: tuple[Try, ...]) -> None:
    now = NOON
    store = open_store(url, lambda: now)
    ledger = Accounting(store, clock=lambda: now)
    for each in sorted(tries, key=lambda t: -t.ago):
        now = NOON - each.ago
        request = Request(
            user=each.user,
            tenant=each.tenant,
            key=each.key,
            tokens=each.tokens_bound,
            max_tokens=1000,
        )
        account = ledger.account(policy, situation_of(policy, request, now))
        assert await account.open(policy.model(each.model)) is None
        if each.running:
            assert account._holds._timer is not None
            account._holds._timer.cancel()
            continue
        usage = Usage() if each.tokens is None else Usage(*each.tokens)
        failure = Failure(FailureKind.RATE_LIMITED, status=429) if each.tokens is None else None
        account.ended(usage, failure, 0 if each.tokens is None else each.tokens[1])
        await account.close()
    await ledger.aclose()


def stop_the_clock(monkeypatch: pytest.MonkeyPatch, at: float = NOON) -> None:
    """Commands take the time from `time.time`."""
    monkeypatch.setattr(time, "time", lambda: at)
