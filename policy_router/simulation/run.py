"""Runs traffic through a policy: decides, reserves, calls and charges as a router does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.decision.arm_assignment import draw_arms
from policy_router.decision.decide import decide_on
from policy_router.decision.facts import situation_of
from policy_router.domain.prices import Price
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import NoCandidateError, RoutingError
from policy_router.execution.accounting import Accounting
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.ledger.memory import MemoryStore
from policy_router.providers.requests.body import Body
from policy_router.simulation.providers import OUTPUT, SimulatedModels
from policy_router.simulation.result import End, ModelTally, SimulationResult, recoveries
from policy_router.simulation.virtual_loop import VirtualLoop, run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.request import Request
    from policy_router.simulation.scenario import Happening, Scenario
    from policy_router.simulation.traffic import Arrival

_BODY: Final = Body(messages=[{"role": "user", "content": "a simulated prompt"}])
"""What every request sends: only its facts and its tokens matter."""


def simulate(
    policy: Policy,
    scenario: Scenario,
    arrivals: Iterable[Arrival],
    step: Callable[[], None] = lambda: None,
) -> SimulationResult:
    """Run requests through a policy, on a clock that does not wait.

    Equal arguments give equal results: all chance follows from the seed of the scenario.

    Args:
        policy: The policy.
        scenario: How models behave, and what happens in the meantime.
        arrivals: The requests, in order of time.
        step: Called after each request that has come.

    Raises:
        UsageError: A kind of request makes none.
        OSError: The log that requests are taken from cannot be read.
    """
    began = time.perf_counter()
    loop = VirtualLoop()
    world = _World(policy, scenario, loop)
    run_virtually(loop, world.run(arrivals, step))
    result = world.result
    result.recoveries = recoveries(result, scenario.happenings)
    result.seconds = time.perf_counter() - began
    return result


class _World:
    """One simulation."""

    def __init__(self, policy: Policy, scenario: Scenario, loop: VirtualLoop) -> None:
        self._policy = policy
        self._scenario = scenario
        self._loop = loop
        self.result = SimulationResult(scenario.duration)
        # Models draw from a source of their own, so that other traffic does not change it.
        draw = Random(f"{scenario.seed} calls")  # noqa: S311  no secret
        self._store = MemoryStore(self._clock)
        self._accounting = Accounting(self._store, clock=self._clock)
        self._cooldowns = Cooldowns(
            self._clock, models=lambda: self._policy.models, draw=draw.random, environment=_no_keys
        )
        self._executor = Executor(
            SimulatedModels(scenario, draw, loop.time),
            clock=self._clock,
            monotonic=loop.time,
            random=draw,
            cooldowns=self._cooldowns,
        )

    def _clock(self) -> float:
        return self._scenario.start + self._loop.time()

    async def run(self, arrivals: Iterable[Arrival], step: Callable[[], None]) -> None:
        """Let all requests come, and wait until they have ended.

        Raises:
            UsageError: A kind of request makes none.
            OSError: The log that they are taken from cannot be read.
        """
        for happening in self._scenario.happenings:
            if happening.price is not None or happening.caps:
                self._loop.call_at(happening.at, self._change, happening)
        problem: UsageError | OSError | None = None
        async with asyncio.TaskGroup() as requests:
            try:
                for number, arrival in enumerate(arrivals):
                    await asyncio.sleep(arrival.at - self._loop.time())
                    requests.create_task(self._request(f"s{number}", arrival))
                    step()
            except (UsageError, OSError) as error:  # where the requests come from
                problem = error
        await self._accounting.aclose()
        if problem is not None:
            raise problem

    def _change(self, happening: Happening) -> None:
        """Change prices and caps, as a reload of the policy would."""
        before = self._policy
        self._policy = _changed(before, happening)
        if happening.lasts is not None:
            self._loop.call_later(happening.lasts, self._restore, before)

    def _restore(self, policy: Policy) -> None:
        self._policy = policy

    async def _request(self, request_id: str, arrival: Arrival) -> None:
        began, policy = self._loop.time(), self._policy
        OUTPUT.set((arrival.request.tokens, arrival.output))
        decision = await self._decided(policy, request_id, arrival.request)
        account = self._accounting.account(policy, decision.situation, request_id=request_id)
        session = self._accounting.sessions.of(policy, arrival.request)
        end, free = End.ANSWERED, False
        attempts: Sequence[Attempt] = ()
        try:
            answer = await self._executor.run(
                decision, policy.fallback, _BODY, account, began=began, session=session
            )
            attempts, free = answer.attempts, policy.model(answer.served_by).free
        except NoCandidateError as error:
            end, attempts = End.REFUSED, error.attempts
            self.result.reasons[_reason(decision)] += 1
        except RoutingError as error:
            end, attempts = End.FAILED, error.attempts
        seconds = self._loop.time() - began
        for tally in self.result.tallies(began, arrival.group, arrival.request.user):
            tally.add(end, attempts, seconds, free=free)
        self._count(attempts)

    async def _decided(self, policy: Policy, request_id: str, request: Request) -> Decision:
        """The decision of a request, on the state of the simulated world."""
        now = self._clock()
        situation = situation_of(policy, request, now)
        cooling, last = self._cooldowns.for_request(now, policy.fallback.degraded, request.user)
        snapshot = Snapshot(
            now,
            cooling,
            await self._accounting.readings(policy, situation),
            request_id,
            await self._accounting.sessions.read(policy, request),
            last=last,
            arms=draw_arms(policy, situation, request_id, now),
        )
        decision = decide_on(policy, situation, snapshot)
        return replace(decision, id=request_id, snapshot=snapshot)

    def _count(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            tally = self.result.models.setdefault(attempt.model, ModelTally())
            tally.calls += 1
            tally.cost += attempt.cost_nano_usd or 0
            if attempt.failure is None:
                tally.answered += 1
                tally.answers.append(attempt.started + attempt.seconds - self._scenario.start)


def _no_keys(_: str) -> str | None:
    """No variable of the environment is read, so that equal scenarios give equal results."""
    return None


def _reason(decision: Decision) -> str:
    """Why a request was refused: the rule's text, else what took most models away last."""
    if decision.denied is not None:
        return f"denied: {decision.denied}"
    reasons = {skip.reason.value for skip in decision.skipped}
    passing = [reason for reason in _PASSING if reason in reasons]
    return passing[0] if passing else next(iter(sorted(reasons)), "no room")


_PASSING: Final = ("budget", "rate_limit", "cooling", "state", "busy")
"""Reasons that pass by themselves, those that last longest first."""


def _changed(policy: Policy, happening: Happening) -> Policy:
    """The policy with other prices and caps."""
    models = policy.models
    if happening.price is not None:
        price = Price(*happening.price)
        models = tuple(
            replace(model, price=price, free=False) if model.name in happening.models else model
            for model in models
        )
    limits = tuple(
        replace(limit, cap=happening.caps[limit.name])
        if limit.is_budget and limit.name in happening.caps
        else limit
        for limit in policy.limits
    )
    return replace(policy, models=models, limits=limits)
