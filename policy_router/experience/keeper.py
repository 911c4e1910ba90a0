"""Stores counts and reads the counts of all processes, in the background.

No request waits for it. It starts with the first request, in its event loop, and stops with the
router, which flushes the remaining counts. While the store is unreachable, counts are buffered
here, up to a bound.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from policy_router.errors import StoreError
from policy_router.experience.believed import belief_table
from policy_router.experience.counted_feedback import FeedbackLog, batch_of
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.experience.known import KnownValues
from policy_router.experience.nodes import OutcomeKey
from policy_router.experience.table import measured_table
from policy_router.experience.watch import WORSE, usual_shares
from policy_router.ids import Ids
from policy_router.ledger.tallies import DAY, KEPT_DAYS, TallyBatch, TallyStore
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.beliefs import Beliefs
    from policy_router.domain.experience import Measured
    from policy_router.domain.situation import Situation
    from policy_router.experience.counted_feedback import FeedbackSource
    from policy_router.experience.recorder import OutcomeRecorder
    from policy_router.experience.watch import QualityWatch
    from policy_router.ledger.tallies import DayTallies

_log: Final = logging.getLogger(__name__)

TOPIC: Final = "experience"
INTERVAL: Final = 5.0
"""Minimum number of seconds between two exchanges with the store."""
PAUSE: Final = 20.0
"""The pause after an exchange, as a multiple of its duration."""
AT_ONCE: Final = 200
"""Rows of one batch, so that the store is never busy for long."""
MOST_WAITING: Final = 200
"""Maximum number of batches buffered while the store is unreachable; the oldest are dropped
first."""
RECENT_DAYS: Final = 30
"""The number of days behind the measured values, including today."""


class ExperienceKeeper:
    """The counts of all processes that share a store.

    Attributes:
        dropped: Rows of counts that were dropped, because the store was unreachable for too long.
    """

    def __init__(
        self,
        store: object,
        recorder: OutcomeRecorder,
        policy: Callable[[], Policy],
        *,
        watch: QualityWatch | None = None,
        feedback: FeedbackSource | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Make a keeper; it does nothing before `begin`.

        Args:
            store: Where the counts are kept, if it keeps tallies.
            recorder: Counts the outcomes of this process.
            policy: The active policy.
            watch: Watches the quality of answers; None watches nothing.
            feedback: Where feedback on answers is kept; None counts only what the recorder hears.
            clock: Gives Unix time.
            sleep: Waits for a number of seconds.
        """
        self._store = store if isinstance(store, TallyStore) else None
        self._recorder = recorder
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._ids = Ids(clock)
        self._days: dict[int, dict[OutcomeKey, OutcomeCounts]] = {}
        self._versions: dict[int, int] = {}
        self._known = KnownValues()
        self._watch = watch
        self._feedback = None if feedback is None else FeedbackLog(feedback, clock())
        self._learned_for: tuple[str, frozenset[tuple[str, str]]] | None = None
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self.dropped = 0
        self._source, self._number = self._ids(), 0
        self._waiting: deque[TallyBatch] = deque()
        self._task: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()

    def after_fork_in_child(self) -> None:
        """Start over: tasks are the parent's, which stores what it gathered."""
        self._begin()

    # -- for requests --------------------------------------------------------------------------

    def begin(self, policy: Policy) -> None:
        """Begin to exchange counts with the store in the running event loop, where a policy learns,
        unless that has begun."""
        if self._store is None or not policy.learning.is_on:
            return
        task = self._task
        if task is None or task.done() or not task.get_loop().is_running():
            self._busy = asyncio.Lock()  # that of a loop which has ended may never be released
            self._task = asyncio.get_running_loop().create_task(self._run())

    def measured(self, policy: Policy, situation: Situation) -> Mapping[str, Measured]:
        """What was measured of models at requests like this one; nothing where the policy does not
        learn."""
        return self.known(policy, situation)[0]

    def known(
        self, policy: Policy, situation: Situation
    ) -> tuple[Mapping[str, Measured], Beliefs | None]:
        """What was measured of models at requests like this one, and what is believed of their
        answers; nothing where the policy does not learn."""
        return self._known.at(situation) if policy.learning.is_on else ({}, None)

    def worse(self, policy: Policy, situation: Situation) -> dict[str, str]:
        """The models whose answers to such requests have become worse, each with the reason, where
        the policy says what happens to degraded models."""
        alarmed = () if self._watch is None else self._watch.alarmed
        if not alarmed or policy.fallback.degraded is None:
            return {}
        form = situation.request.form or ""
        return {model: WORSE for model, of in alarmed if of == form}

    # -- for programs --------------------------------------------------------------------------

    def counted(self, since: float | None = None) -> dict[OutcomeKey, OutcomeCounts]:
        """The counts of all processes, as they were read last.

        Args:
            since: Unix time of the first day that counts; None for all days that are kept.
        """
        first = 0 if since is None else int(since // DAY)
        rows: dict[OutcomeKey, list[OutcomeCounts]] = {}
        for day, counted in self._days.items():
            if day >= first:
                for key, counts in counted.items():
                    rows.setdefault(key, []).append(counts)
        return {key: total(parts) for key, parts in rows.items()}

    async def exchange(self) -> None:
        """Store what was counted here, and read what was counted anywhere.

        Raises:
            StoreError: The store cannot be reached; what was counted here waits.
        """
        store = self._store
        if store is None:
            return
        async with self._busy:
            await self._send(store)
            if self._feedback is not None:
                await self._feedback.count(
                    store, lambda given: [batch_of(TOPIC, given)], self._clock()
                )
            changed = await store.read_tallies(TOPIC, dict(self._versions))
            await self._learn(changed or {})

    async def aclose(self) -> None:
        """Store what is left, if the store can be reached."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])
        if self._store is not None:
            self._gather()
            try:
                await self._deliver(self._store)
            except StoreError as error:
                self._tell(error, sum(len(batch.counts) for batch in self._waiting))

    # -- in the background ---------------------------------------------------------------------

    async def _run(self) -> None:
        while self._policy().learning.is_on:
            began = time.monotonic()
            try:
                await self.exchange()
            except StoreError as error:
                _log.debug("outcomes wait to be stored: %s", error)
            except Exception:  # noqa: BLE001  the next exchange may work
                _log.exception("outcomes could not be read")
            await self._sleep(max(INTERVAL, PAUSE * (time.monotonic() - began)))

    async def _send(self, store: TallyStore) -> None:
        self._gather()
        await self._deliver(store)

    def _gather(self) -> None:
        """Make batches of what was counted here."""
        rows = [((day, str(key)), row) for (day, key), row in self._recorder.take().items()]
        for start in range(0, len(rows), AT_ONCE):
            self._number += 1
            counts = dict(rows[start : start + AT_ONCE])
            self._waiting.append(TallyBatch(TOPIC, self._source, self._number, counts))
        while len(self._waiting) > MOST_WAITING:
            self._tell(None, len(self._waiting.popleft().counts))

    async def _deliver(self, store: TallyStore) -> None:
        while self._waiting:
            await store.add_tallies(self._waiting[0])
            self._waiting.popleft()

    def _tell(self, error: StoreError | None, rows: int) -> None:
        if rows:
            if not self.dropped:
                why = "too many wait" if error is None else str(error)
                _log.error("counts of outcomes were dropped: %s", why)
            self.dropped += rows

    async def _learn(self, changed: Mapping[int, DayTallies]) -> None:
        """Take in the days that changed, in a thread."""
        policy = self._policy()
        alarmed = frozenset() if self._watch is None else self._watch.alarmed
        oldest = int(self._clock() // DAY) - KEPT_DAYS
        past = [day for day in self._days if day < oldest]
        if not (changed or past or (policy.revision, alarmed) != self._learned_for):
            return
        for day in past:
            del self._days[day]
        self._days |= await asyncio.to_thread(_read_days, changed)
        self._versions |= {day: tallies.version for day, tallies in changed.items()}
        recent = self.counted(self._clock() - (RECENT_DAYS - 1) * DAY)
        table = await asyncio.to_thread(measured_table, recent, policy.learning)
        beliefs = await asyncio.to_thread(belief_table, recent, policy, alarmed)
        self._known = KnownValues(table, beliefs)
        if self._watch is not None:
            self._watch.follow(usual_shares(recent))
        self._learned_for = policy.revision, alarmed


def _read_days(
    changed: Mapping[int, DayTallies],
) -> dict[int, dict[OutcomeKey, OutcomeCounts]]:
    """The counts of days; keys that another version wrote are left out."""
    days: dict[int, dict[OutcomeKey, OutcomeCounts]] = {}
    for day, tallies in changed.items():
        rows = days[day] = {}
        for text, counts in tallies.counts.items():
            try:
                rows[OutcomeKey.parse(text)] = OutcomeCounts(counts)
            except ValueError:
                continue
    return days
