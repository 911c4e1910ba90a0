"""The retry budget: at most one retry for every ten first calls, in the long run."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model
from policy_router.execution.executor import Executor
from policy_router.execution.retry_budget import EARNED, MOST, RetryBudget
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import HELLO, FakeCaller, decision, response

M = Model("m", "openai/x", "t", 0)
SAME = Model("n", "openai/y", "t", 0)
ELSEWHERE = Model("o", "openai/x", "t", 0, api_base="http://localhost/v1")
OTHER = Model("p", "groq/x", "t", 0)


def test_a_provider_begins_with_a_reserve() -> None:
    budget = RetryBudget()
    for _ in range(10):
        assert budget.allows(M)
        budget.spend(M)
    assert not budget.allows(M)
    assert not budget.allows(SAME)
    assert budget.allows(ELSEWHERE)
    assert budget.allows(OTHER)


def test_ten_first_calls_earn_a_retry() -> None:
    budget = RetryBudget()
    for _ in range(12):
        budget.spend(M)
    for _ in range(9):
        budget.earn(SAME)
    assert not budget.allows(M)
    for _ in range(2):
        budget.earn(SAME)
    assert budget.allows(M)


def test_no_more_than_the_reserve_is_kept() -> None:
    budget = RetryBudget()
    budget.spend(M)
    for _ in range(500):
        budget.earn(M)
    for _ in range(10):
        budget.spend(M)
    assert not budget.allows(M)


@given(st.lists(st.booleans(), max_size=400))
def test_law_retries_are_a_tenth_of_first_calls_and_the_reserve(wishes: list[bool]) -> None:
    budget, retries = RetryBudget(), 0
    for number, retry in enumerate(wishes, start=1):
        budget.earn(M)
        if retry and budget.allows(M):
            budget.spend(M)
            retries += 1
        assert retries <= MOST + EARNED * number + 1e-9


@pytest.mark.parametrize("retry_after", [None, 0.0], ids=["no hint", "may be called at once"])
def test_requests_stop_repeating_calls_when_the_budget_is_used_up(
    retry_after: float | None,
) -> None:
    async def work() -> list[int]:
        failure = Failure(FailureKind.SERVER_ERROR, retry_after=retry_after)
        caller = FakeCaller(a=[failure] * 80, b=[response()] * 40)
        executor = Executor(caller, sleep=lambda _: asyncio.sleep(0))
        calls = []
        for _ in range(40):
            before = len(caller.calls)
            await executor.run(decision("a", "b"), Fallback(), HELLO)
            calls.append(len(caller.calls) - before)
        return calls

    calls = asyncio.run(work())
    assert calls[:10] == [3] * 10
    # Each request earns two tenths at most: one for the first call of each model.
    assert 2 * 40 + MOST <= sum(calls) <= 2 * 40 + MOST + 2 * EARNED * 40
