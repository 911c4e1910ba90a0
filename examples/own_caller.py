"""Call models your own way: anything with these four methods is a caller.

    python examples/own_caller.py

This one answers from a table; yours might speak to an in-house gateway. The router
still handles fallback, deadlines, cooldown and explanations.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router import Router, UsageError
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router import Model
    from policy_router.providers.caller import Chunks
    from policy_router.providers.requests.body import Body

POLICY = Path(__file__).with_name("customers.yaml")


class Table:
    """Answers from a table; a model that is not in it is overloaded."""

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers = answers

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Nothing to prepare."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def call(self, model: Model, body: Body, timeout: float) -> str:  # noqa: ARG002, ASYNC109  a Caller's shape
        text = self._answers.get(model.name)
        if text is None:
            raise CallFailed(Failure(FailureKind.OVERLOADED, "not in the table", 529))
        return text  # a gateway's answer, as an object or a dict, can be returned as is

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ARG002, ASYNC109  as above
        raise UsageError("this caller does not stream")


async def main() -> None:
    caller = Table({"own-large": "Large, at your service."})
    async with Router.open(POLICY, caller=caller, watch="off") as router:
        answer = await router.acompletion(
            messages=[{"role": "user", "content": "Hello!"}], attributes={"plan": "enterprise"}
        )
        print(answer.choices[0].message.content)
        print([f"{attempt.model}: {attempt.failure or 'answered'}" for attempt in answer.attempts])


if __name__ == "__main__":
    asyncio.run(main())
