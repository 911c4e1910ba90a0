"""Simulated models that answer, or fail as a scenario says, in virtual time."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from math import exp
from typing import TYPE_CHECKING, Final

from policy_router.providers.answers.chat import ChatAnswer, ChatChoice, Usage
from policy_router.providers.answers.message import AnswerMessage
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.simulation.scenario import LATENCY, Behaviour, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body
    from policy_router.simulation.scenario import Happening, Scenario

OUTPUT: ContextVar[tuple[int, int]] = ContextVar("tokens of the request under way", default=(1, 1))
"""Input and output tokens of the answer to the request that the task works on."""
_REFUSED: Final = 0.05
"""Seconds until a failing model returns its error."""
_SPREAD: Final = 0.35
"""How widely the times of answers vary, as the standard deviation of their logarithm."""
_KINDS: Final = {
    Fault.OUTAGE: (FailureKind.CONNECT, None),
    Fault.RATE_LIMIT: (FailureKind.RATE_LIMITED, 429),
    Fault.ERRORS: (FailureKind.SERVER_ERROR, 500),
}


class SimulatedModels:
    """Calls no real model: waits, then answers or fails.

    Args:
        scenario: How models behave, and what happens in the meantime.
        draw: The source of randomness.
        now: Seconds since the beginning.
    """

    def __init__(self, scenario: Scenario, draw: Random, now: Callable[[], float]) -> None:
        self._scenario = scenario
        self._draw = draw
        self._now = now
        self._behaviours: dict[str, Behaviour] = dict(scenario.models)

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Nothing has to be prepared."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  as Caller
        """An answer, after some time. Raises CallFailed."""
        behaviour = self._behaviours.get(model.name)
        if behaviour is None:
            behaviour = Behaviour(model.latency or LATENCY)
            self._behaviours[model.name] = behaviour
        slower = 1.0
        for happening in self._happenings(model.name):
            if happening.fault is Fault.SLOW:
                slower *= happening.factor
            elif self._draw.random() < happening.share:
                await self._fail(happening, timeout)
        if behaviour.failures and self._draw.random() < behaviour.failures:
            await asyncio.sleep(_REFUSED)
            raise CallFailed(Failure(FailureKind.SERVER_ERROR, status=500))
        seconds = behaviour.latency * slower * exp(self._draw.gauss(0.0, _SPREAD))
        if seconds > timeout:
            await asyncio.sleep(timeout)
            raise CallFailed(Failure(FailureKind.TIMEOUT))
        await asyncio.sleep(seconds)
        tokens_in, wanted = OUTPUT.get()
        stated = model.sent_cap(body.get("max_tokens"))
        caps = model.default_output if stated is None else stated, model.max_output
        tokens_out = min([wanted, *(cap for cap in caps if cap is not None)])
        choice = _CHOICE if tokens_out == wanted else _CUT_OFF
        return ChatAnswer((choice,), Usage(tokens_in, tokens_out))

    def _happenings(self, model: str) -> list[Happening]:
        now = self._now()
        return [
            each
            for each in self._scenario.happenings
            if each.fault is not None and model in each.models and each.active(now)
        ]

    async def _fail(self, happening: Happening, timeout: float) -> None:  # noqa: ASYNC109  of the call
        if happening.fault is Fault.HANG or happening.fault is None:
            await asyncio.sleep(timeout)
            raise CallFailed(Failure(FailureKind.TIMEOUT))
        await asyncio.sleep(_REFUSED)
        kind, status = _KINDS[happening.fault]
        raise CallFailed(Failure(kind, status=status))


_CHOICE: Final = ChatChoice(0, AnswerMessage(content="an answer"), "stop")
_CUT_OFF: Final = ChatChoice(0, AnswerMessage(content="an answer that"), "length")
