"""Follows the experiments of a router: counts their requests, and ends arms.

Counts are gathered in this process and added to the store in the background every few seconds, so
that all processes see all counts, even after a restart. The end of an arm is recorded in the store,
after which no process assigns requests to it. Until a process has read the stored state of a
policy's experiments, it decides all requests without them.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from threading import Lock
from typing import TYPE_CHECKING, Final

from policy_router.decision.arm_assignment import subject_in
from policy_router.errors import StoreError
from policy_router.events import Answered, Exhausted
from policy_router.experience.counted_feedback import FeedbackLog, experiment_batches
from policy_router.experience.followed import FollowedExperiment
from policy_router.experience.tallying import count_key, counts_of, end_key
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.tallies import DAY, TallyBatch, TallyStore
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from collections.abc import Set as AbstractSet

    from policy_router.decision.policy import Policy
    from policy_router.domain.feedback import GivenFeedback
    from policy_router.events import Event
    from policy_router.experience.counted_feedback import FeedbackSource
    from policy_router.experience.verdicts import ArmReport, ExperimentReport
    from policy_router.ledger.store import Store
    from policy_router.ledger.tallies import Counts

_log: Final = logging.getLogger(__name__)

INTERVAL: Final = 5.0
"""Seconds between two background rounds."""
_KEPT: Final = 4
"""Revisions of policies whose experiments are followed."""
_REFRESHED: Final = 30
"""Days after which it is written again that an arm ended, since stores forget old tallies."""


class ExperimentTracker:
    """The experiments of one router, for all its threads and event loops."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        on_end: Callable[[ExperimentReport, ArmReport], None],
        feedback: FeedbackSource | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Makes a tracker; it does nothing in the background before `begin`.

        Args:
            store: Where counts are kept; one that keeps no tallies is replaced by memory.
            clock: Gives Unix time.
            on_end: Called when an arm ends, in the process that notices it.
            feedback: Where feedback on answers is kept; None counts none.
            sleep: Waits for a number of seconds.
        """
        self._store = store if isinstance(store, TallyStore) else MemoryStore(clock)
        self._clock = clock
        self._on_end = on_end
        self._feedback = feedback
        self._sleep = sleep
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._lock = Lock()
        self._source = uuid.uuid4().hex
        self._number = 0
        self._gathered: dict[tuple[str, int, str], dict[str, int]] = {}
        self._unsent: list[TallyBatch] = []
        self._said = None if self._feedback is None else FeedbackLog(self._feedback, self._clock())
        self._followed: dict[str, tuple[FollowedExperiment, ...]] = {}
        self._ended: dict[str, frozenset[tuple[str, str]]] = {}
        self._task: asyncio.Task[None] | None = None

    def after_fork_in_child(self) -> None:
        """Start over: what was gathered is the parent's."""
        self._begin()

    # -- for decisions -----------------------------------------------------------------------

    async def ended(self, policy: Policy, seconds: float) -> AbstractSet[tuple[str, str]] | None:
        """The arms that get no more requests, as names of the experiment and the arm.

        Args:
            policy: The policy, which has experiments.
            seconds: How long the answer may take where the store was not read before.

        Returns:
            None while that is not known.
        """
        ended = self._ended.get(policy.revision)
        if ended is not None:
            return ended
        try:
            async with asyncio.timeout(seconds):
                await self._follow(policy)
        except (StoreError, TimeoutError):
            return None
        return self._ended.get(policy.revision)

    async def _follow(self, policy: Policy) -> None:
        """Begin to follow the experiments of a policy."""
        followed = tuple(FollowedExperiment(each) for each in policy.experiments)
        for each in followed:
            await each.read(self._store)
        with self._lock:
            if policy.revision not in self._followed:
                self._followed[policy.revision] = followed
                while len(self._followed) > _KEPT:
                    oldest = next(iter(self._followed))
                    del self._followed[oldest]
                    self._ended.pop(oldest, None)
        self._judge(policy.revision)

    # -- counting ----------------------------------------------------------------------------

    def observe(self, event: Event) -> None:
        """Count a request of an experiment when it ends; an observer of events.

        A request that its caller stopped or that was at fault itself, and one for which no model
        was called, says nothing about an arm.
        """
        match event:
            case Answered():
                accepted = answered = True
                accepted = not event.rejected
            case Exhausted(stopped=False) if event.attempts:
                accepted = answered = False
            case _:
                return
        decision = event.decision
        if not decision.arms:
            return
        followed = self._followed.get(decision.revision, ())
        by_name = {each.experiment.name: each for each in followed}
        counts = counts_of(event.attempts, accepted=accepted, answered=answered)
        day = int(self._clock() // DAY)
        for arm in decision.arms:
            each = by_name.get(arm.experiment)
            if each is not None:
                subject = subject_in(each.experiment, decision.request)
                key = count_key(each.experiment, arm.arm, subject, decision.id)
                self._gather(each.topic, day, key, counts)

    def _gather(self, topic: str, day: int, key: str, counts: Counts) -> None:
        with self._lock:
            row = self._gathered.setdefault((topic, day, key), {})
            for name, count in counts.items():
                row[name] = row.get(name, 0) + count

    # -- in the background -------------------------------------------------------------------

    def begin(self, policy: Policy) -> None:
        """Begin the rounds in the running event loop, where the policy has experiments, unless
        that has begun."""
        if not policy.experiments:
            return
        task = self._task
        if task is None or task.done() or not task.get_loop().is_running():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await self._sleep(INTERVAL)
            try:
                await self.round()
            except StoreError:
                _log.debug("the counts of experiments could not be written or read")
            except Exception:  # noqa: BLE001  the next round may work
                _log.exception("a round of the experiments failed")

    async def round(self) -> None:
        """Add what was gathered to the store, read what others added, and end arms.

        Raises:
            StoreError: The store cannot be reached; what was gathered is kept for the next round.
        """
        await self._send()
        if self._said is not None and self._followed:
            await self._said.count(self._store, self._feedback_batches, self._clock())
        for revision, followed in list(self._followed.items()):
            for each in followed:
                await each.read(self._store)
            self._judge(revision)
        await self._send()

    def _feedback_batches(self, given: GivenFeedback) -> Iterator[TallyBatch]:
        return experiment_batches(given, self._followed.get(given.outcome.revision, ()))

    async def aclose(self) -> None:
        """End the rounds, and add what was gathered to the store."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])
        try:
            await self._send()
        except StoreError as error:
            _log.warning("the last counts of experiments were lost: %s", error)

    async def _send(self) -> None:
        """Add what was gathered. A batch whose answer was lost is sent again, and added once."""
        with self._lock:
            by_topic: dict[str, dict[tuple[int, str], Counts]] = {}
            for (topic, day, key), counts in self._gathered.items():
                by_topic.setdefault(topic, {})[day, key] = counts
            self._gathered = {}
            for topic, gathered in by_topic.items():
                self._number += 1
                self._unsent.append(TallyBatch(topic, self._source, self._number, gathered))
        while self._unsent:
            await self._store.add_tallies(self._unsent[0])
            del self._unsent[:1]

    def _judge(self, revision: str) -> None:
        """End the arms that are over, and say which arms of a policy get no more requests."""
        now = self._clock()
        ended = set()
        for each in self._followed.get(revision, ()):
            report = each.report(now)
            for arm in report.arms:
                if arm.ended is None:
                    continue
                name = each.experiment.name, arm.arm.name
                ended.add(name)
                noted = each.noted(arm.arm.name)
                today = int(now // DAY)
                if noted is None or noted < today - _REFRESHED:
                    key = end_key(each.experiment, arm.arm.name)
                    self._gather(each.topic, today, key, {arm.ended.value: 1})
                if noted is None and name not in self._ended.get(revision, ()):
                    self._on_end(report, arm)
        self._ended[revision] = frozenset(ended)
