"""Probes models in the background, so that no request has to find out whether they answer.

They begin with the first request and end with the router. Of the processes that share a store one
makes them; when it ends, another takes its turn. A probe is a call like any other: it is reserved
and charged, a model in cooldown gets none, and one that is due to be probed gets its probe here
instead of from a request. Two probes in a row that fail open the breaker of a model that no request
has called in the meantime.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import EMBEDDINGS, REASONING
from policy_router.decision.facts import situation_of
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.request import Request
from policy_router.execution.attempt import CallContext, RunningAttempt
from policy_router.execution.bulkhead import Bulkheads
from policy_router.execution.side_call import SideCall, side_call
from policy_router.providers.requests.body import Body
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.fallback import Probe
    from policy_router.domain.models import Model
    from policy_router.execution.accounting import Accounting
    from policy_router.execution.health.cooldown import Cooldowns
    from policy_router.providers.caller import Caller
    from policy_router.providers.failures.failure import Failure

_log: Final = logging.getLogger(__name__)

_ANSWER: Final = 16
"""Tokens of an answer, at most."""
_TOKENS: Final = 64
"""Tokens of what is sent, at most."""
_MISSED: Final = 1.5
"""Another process takes over after this many times the time between two probes."""
_FAILURES: Final = 2
"""Probes in a row that must fail."""


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """How a model answered a probe.

    Attributes:
        model: The model.
        call: The call and its cost; None where none was made.
        skip: Why none was made, such as a budget without room or a cooldown; None where one was.
    """

    model: Model
    call: SideCall | None = None
    skip: Skip | None = None

    @property
    def answered(self) -> bool:
        """Whether it was called and answered."""
        return self.call is not None and self.call.failure is None


class Prober:
    """Probes the models that the active policy names."""

    def __init__(
        self,
        caller: Caller,
        accounting: Accounting,
        cooldowns: Cooldowns,
        policy: Callable[[], Policy],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        bulkheads: Bulkheads | None = None,
    ) -> None:
        """Makes a prober; it does nothing before `begin`.

        Args:
            caller: Calls a model once.
            accounting: Reserves and settles what a probe costs.
            cooldowns: Receives how each probe ended.
            policy: The active policy.
            sleep: Waits for a number of seconds.
            bulkheads: The calls under way, which probes are among. Default: those of probes alone.
        """
        self._caller = caller
        self._accounting = accounting
        self._cooldowns = cooldowns
        self._policy = policy
        self._sleep = sleep
        self._context = CallContext(
            caller,
            accounting.clock,
            time.monotonic,
            cooldowns,
            bulkheads=Bulkheads() if bulkheads is None else bulkheads,
        )
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._failed: dict[str, int] = {}
        self._probing: asyncio.Task[None] | None = None

    def after_fork_in_child(self) -> None:
        """Start over: tasks are the parent's."""
        self._begin()

    def begin(self) -> None:
        """Begins to probe in the running event loop, unless that has begun."""
        if self._policy().fallback.probe is None:
            return
        task = self._probing
        if task is None or task.done() or not task.get_loop().is_running():
            self._probing = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Ends the probes."""
        task, self._probing = self._probing, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while (probe := self._policy().fallback.probe) is not None:
            what = f"probe {self._policy().revision}"
            try:
                if await self._cooldowns.claim(what, probe.every * _MISSED):
                    await self.probe_all(probe)
                else:
                    self._failed.clear()
            except Exception:  # noqa: BLE001  the next round may work
                _log.exception("a probe of models failed")
            await self._sleep(probe.every)

    async def probe_all(self, probe: Probe) -> None:
        """Probes each model once, all at the same time."""
        policy = self._policy()
        models = [model for model in policy.models if _is_probed(model, probe)]
        if models:
            await self._caller.prepare(models)
            await asyncio.gather(*(self._probe(policy, model) for model in models))

    async def probe_once(self, policy: Policy, model: Model) -> ProbeOutcome:
        """Asks a model for a token, or for a few where it reasons first.

        Args:
            policy: The active policy, whose limits and budgets count the call.
            model: One of its models.
        """
        if EMBEDDINGS in model.abilities:
            detail = "it makes embeddings, and is not asked for an answer"
            return ProbeOutcome(model, skip=Skip(model.name, Reason.ABILITY, detail))
        await self._caller.prepare([model])
        return await self._call(policy, model, _ANSWER if REASONING in model.abilities else 1)

    async def _probe(self, policy: Policy, model: Model) -> None:
        outcome = await self._call(policy, model, _ANSWER)
        if outcome.call is not None:
            self._count(policy, model, outcome.call.failure)

    async def _call(self, policy: Policy, model: Model, most: int) -> ProbeOutcome:
        fallback = policy.fallback
        request = Request(tokens=_TOKENS, max_input_tokens=_TOKENS, max_tokens=most)
        situation = situation_of(policy, request, self._accounting.clock())
        limit = model.deadline or model.first_token_within or fallback.first_token_within
        account = self._accounting.account(policy, situation)
        until = self._context.monotonic() + limit
        account.end_within(lambda: until - self._context.monotonic())
        attempt = RunningAttempt(
            self._context,
            model,
            account=account,
            cooldown=fallback.cooldown,
            degraded=fallback.degraded,
            fair=limit / 2,
        )
        skip = await attempt.reserve()
        if skip is not None:
            return ProbeOutcome(model, skip=skip)
        body = Body(messages=[{"role": "user", "content": "ping"}], max_tokens=most)
        return ProbeOutcome(model, call=await side_call(attempt, limit, body))

    def _count(self, policy: Policy, model: Model, failure: Failure | None) -> None:
        if failure is None or not failure.reaction.counts_for_cooldown:
            self._failed.pop(model.name, None)
            return
        failures = self._failed[model.name] = self._failed.get(model.name, 0) + 1
        if failures >= _FAILURES:
            self._cooldowns.trip(model, failure, policy.fallback.cooldown)


def _is_probed(model: Model, probe: Probe) -> bool:
    if probe.models is None:
        # A probe must not load what nothing needs.
        return model.free and model.has_own_address and model.keep_loaded is None
    return model.name in probe.models
