"""A cap in a model's `params`: what is sent, and what is reserved for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policy_router.decision.facts import situation_of
from policy_router.domain.facts import Vocabulary
from policy_router.execution.accounting import Accounting
from policy_router.ledger.memory import MemoryStore
from policy_router.providers.requests.body import Body
from tests.execution.test_accounting import NOON, PAID, REQUEST, budget
from tests.generate import assemble

caps = st.none() | st.integers(1, 120)


@given(caps, caps, caps, st.integers(0, 260))
def test_the_law_of_caps_no_answer_may_be_longer_than_what_is_reserved(
    fixed: int | None, default: int | None, asked: int | None, budget_of: int
) -> None:
    """Whatever the policy and the request say: a call is made only if its longest answer is within
    the budget, and it is sent with a cap that keeps it there."""
    model = replace(PAID, fixed_output=fixed, default_output=default)
    policy = assemble((model,), (), Vocabulary((), ()), bands=(), meters=(budget(budget_of),))
    request = replace(REQUEST, max_tokens=asked)

    async def main() -> None:
        ledger = Accounting(MemoryStore(lambda: NOON), clock=lambda: NOON)
        account = ledger.account(policy, situation_of(policy, request, NOON))
        skip = await account.open(model)
        stated = fixed if fixed is not None else asked
        most = min(100, next(c for c in (stated, default, 100) if c is not None))
        costs = (
            10 + 2 * most
        )  # ten tokens of input, at a nano-dollar each, and two for each token out
        assert (skip is None) == (costs <= budget_of)
        parameters = {} if asked is None else {"max_tokens": asked}
        body = Body(messages=[{"role": "user", "content": "hi"}], **parameters).sent_to(model)
        if skip is None:
            assert account.output_cap == most
            assert body.capped(most)["max_tokens"] == most
        await account.close()

    asyncio.run(main())
