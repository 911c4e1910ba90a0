"""Reads a call and decides it, with the current counters and cooldowns."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from policy_router.classification.classifier import Classifier
from policy_router.decision.arm_assignment import draw_arms
from policy_router.decision.decide import decide_on
from policy_router.decision.facts import situation_of
from policy_router.decision.order.order_keys import functions_for
from policy_router.domain.decision import Decision
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import TooLargeError
from policy_router.execution.chain import LEAST
from policy_router.execution.progress import for_task, lowered
from policy_router.frozen import changer, maker
from policy_router.intake import Intake, take_in
from policy_router.providers.requests.bounds import is_small
from policy_router.resilience.threads import Threads
from policy_router.router.embedding_intake import take_in_embeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.beliefs import Beliefs
    from policy_router.domain.experience import Measured
    from policy_router.domain.experiments import Assignment
    from policy_router.domain.situation import Situation
    from policy_router.execution.accounting import Accounting
    from policy_router.execution.estimators import EstimatorRunner
    from policy_router.execution.health.cooldown import Cooldowns
    from policy_router.execution.order_functions import OrderFunctions
    from policy_router.experience.tracker import ExperimentTracker
    from policy_router.options import ChatMessage, EmbeddingOptions, RequestOptions
    from policy_router.providers.requests.bounds import Bounds
    from policy_router.providers.requests.embedding_body import EmbeddingBody

_READERS: Final = 2
"""Threads that read large bodies."""


def _longest(policy: Policy, stated: object) -> float:
    """The longest deadline that a request can have whose task is not known yet, in seconds."""
    longest = policy.limit_index.longest
    if isinstance(stated, int | float) and not isinstance(stated, bool) and stated > 0:
        return min(longest, stated)
    return longest  # what is no number of seconds is refused when it is read


class LearnedSource(Protocol):
    """What past outcomes say about models at requests like one."""

    def known(
        self, policy: Policy, situation: Situation
    ) -> tuple[Mapping[str, Measured], Beliefs | None]:
        """What was measured of models, by their names, and what is believed of their answers; None
        for nothing."""

    def worse(self, policy: Policy, situation: Situation) -> Mapping[str, str]:
        """The models that come last because their answers have become worse, with the reason."""


_new_snapshot: Final = maker(Snapshot)
_identified: Final = changer(Decision, "id", "snapshot")
_HELLO: Final[Sequence[ChatMessage]] = ({"role": "user", "content": "hello"},)


@dataclass(frozen=True, slots=True)
class DecidedRequest:
    """A decision, with the situation that it was made for.

    Attributes:
        decision: The decision.
        situation: The request as the policy sees it.
    """

    decision: Decision
    situation: Situation


_new_decided: Final = maker(DecidedRequest)


class Decider:
    """Decides calls for any policy.

    Args:
        accounting: Reads the counters.
        cooldowns: Knows which models are in cooldown.
        estimators: Estimates the complexity where the policy has a model or a function do it.
        order: Calls the functions that models are sorted by.
        experiments: Knows which arms of experiments get no more requests.
        clock: Gives Unix time.
        decide_at: Gives the Unix time at which conditions on the hour and the weekday are
            evaluated.
        new_id: Makes the ids of decisions.
        bounds: How large a request may be.
        learned: Gives what past outcomes say about models.
    """

    def __init__(
        self,
        accounting: Accounting,
        cooldowns: Cooldowns,
        estimators: EstimatorRunner,
        order: OrderFunctions,
        *,
        experiments: ExperimentTracker,
        clock: Callable[[], float],
        decide_at: Callable[[], float],
        new_id: Callable[[], str],
        bounds: Bounds,
        learned: LearnedSource,
    ) -> None:
        self._accounting = accounting
        self._cooldowns = cooldowns
        self._estimators = estimators
        self._order = order
        self._experiments = experiments
        self._clock = clock
        self._decide_at = decide_at
        self._new_id = new_id
        self._bounds = bounds
        self._learned = learned
        self._classifier: Classifier | None = None
        self._readers = Threads(_READERS, "policy-router-reading")

    async def take_in(
        self,
        policy: Policy,
        messages: Sequence[ChatMessage] | None,
        options: RequestOptions,
        *,
        stream: bool,
    ) -> Intake:
        """Read a call; a large body in another thread, to keep the event loop free.

        Raises:
            UsageError: An option is unknown or has a value of the wrong type.
            TooLargeError: The request is beyond the bounds, or is not read within its deadline; its
                thread then goes on until it has read it.
        """
        classifier = self._classifier_of(policy)
        read = partial(take_in, classifier, messages, options, stream=stream, bounds=self._bounds)
        if is_small([messages, options]):
            return read()
        seconds = _longest(policy, options.get("deadline"))
        try:
            async with asyncio.timeout(seconds):
                return await self._readers.run(read)
        except TimeoutError:
            raise TooLargeError(
                f"the request was not read within its deadline of {seconds:.3g} s; send less text "
                "or fewer messages, or allow more time"
            ) from None

    async def take_in_embeddings(
        self, policy: Policy, given: object, options: EmbeddingOptions
    ) -> tuple[Intake, EmbeddingBody]:
        """Read a call for embeddings, as `take_in` reads one for an answer."""
        read = partial(take_in_embeddings, policy, given, options, self._bounds)
        return read() if is_small([given, options]) else await self._readers.run(read)

    async def prepare(self, policy: Policy) -> None:
        """Do in a thread what is slow when the first request is read, such as imports."""
        classifier = self._classifier_of(policy)
        read = partial(take_in, classifier, _HELLO, {}, stream=False, bounds=self._bounds)
        await self._readers.run(read)

    def _classifier_of(self, policy: Policy) -> Classifier:
        classifier = self._classifier
        if classifier is None or classifier.policy is not policy:
            classifier = self._classifier = Classifier(policy)
        return classifier

    async def decide(
        self, policy: Policy, intake: Intake, began: float | None = None
    ) -> DecidedRequest:
        """Decide a call that was read.

        Args:
            policy: The policy.
            intake: The call.
            began: When it began, by `time.monotonic`; default: now. What the decision waits for
                must leave time for an answer within its deadline.
        """
        decision_id = self._new_id()
        now = self._decide_at()
        situation = situation_of(policy, intake.request, now)
        fallback = lowered(for_task(policy.fallback, situation.task), intake.deadline)
        ends = (time.monotonic() if began is None else began) + fallback.deadline
        snapshot = await self._snapshot(policy, situation, now, decision_id, ends)
        score = None
        if intake.is_estimated and policy.complexity.is_external:
            score = await self._estimate(
                policy, intake, situation, snapshot, decision_id, ends=ends
            )
        if score is not None:
            request = replace(intake.request, complexity=score)
            # Whoever estimated it was allowed to see it by the hour that it still has.
            situation = situation_of(policy, request, now)
            snapshot = await self._snapshot(policy, situation, now, decision_id, ends)
        if functions_for(policy, situation) and (left := ends - time.monotonic()) >= LEAST:
            scores = await self._order.scores(policy, situation, left)
            if scores:
                snapshot = replace(snapshot, scores=scores)
        decided = decide_on(policy, situation, snapshot)
        decision = _identified(decided, decision_id, snapshot)
        return _new_decided(decision, situation)

    async def _estimate(
        self,
        policy: Policy,
        intake: Intake,
        situation: Situation,
        snapshot: Snapshot,
        decision_id: str,
        *,
        ends: float,
    ) -> float | None:
        """The complexity by the model or the function that the policy names; None without one."""
        left = ends - time.monotonic()
        if intake.classification is None or left < LEAST:
            return None
        text = intake.classification.reading.asked
        score = await self._estimators.rate(
            policy, situation, snapshot, text, request_id=decision_id, seconds=left
        )
        if score is None:
            return None
        return intake.classification.rated(policy.complexity.estimator, score, policy).score

    async def _snapshot(
        self, policy: Policy, situation: Situation, now: float, decision_id: str, ends: float
    ) -> Snapshot:
        """The state of the world that matters to a request. What the store does not show in half of
        the time that is left counts as unreadable."""
        request = situation.request
        await self._cooldowns.look()
        cooling, last = self._cooldowns.for_request(
            self._clock(), policy.fallback.degraded, request.user
        )
        patience = (ends - time.monotonic()) / 2
        if policy.sessions.remember(request):
            used, session = await asyncio.gather(  # one round trip for both
                self._accounting.readings(policy, situation, patience),
                self._accounting.sessions.read(policy, request, patience),
            )
        else:
            used, session = await self._accounting.readings(policy, situation, patience), None
        learned = self._learned
        worse = learned.worse(policy, situation)
        measured, beliefs = learned.known(policy, situation)
        arms: tuple[Assignment, ...] = ()
        if policy.experiments:
            ended = await self._experiments.ended(policy, patience)
            if ended is not None:
                arms = draw_arms(policy, situation, decision_id, now, ended)
        return _new_snapshot(
            now,
            cooling,
            used,
            decision_id,
            session,
            last={**last, **worse} if worse else last,
            arms=arms,
            measured=measured,
            beliefs=beliefs,
        )
