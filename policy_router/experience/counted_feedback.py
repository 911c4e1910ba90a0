"""Counts the feedback in a journal, whichever process gave the answer or received the feedback.

Each process that shares the store finds the same feedback in the journal, and creates the same
batch from it. The store deduplicates batches. So feedback counts exactly once, even if it was given
by a command, to a different process than the one that answered, or after that process ended.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from policy_router.domain.outcome import Role
from policy_router.errors import StoreError
from policy_router.experience.counts import FEEDBACK, FEEDBACK_SUM, TENANT, tenant_group
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.experience.rated_answers import SCORE
from policy_router.experience.tallying import count_key, ratings_of
from policy_router.ledger.tallies import DAY, TallyBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from policy_router.domain.feedback import GivenFeedback
    from policy_router.experience.followed import FollowedExperiment
    from policy_router.ledger.tallies import Counts, TallyStore

_log: Final = logging.getLogger(__name__)

MISSED: Final = 3_600.0
"""Seconds before a process began whose feedback it counts, in case no process ran then."""
LATE: Final = 15.0
"""Seconds that feedback may take to reach the journal."""


class FeedbackSource(Protocol):
    """Where feedback is kept, such as a journal."""

    def feedback_since(self, since: float) -> Sequence[GivenFeedback]:
        """What was said from a Unix time on. It may take some time, and runs in a thread."""


class FeedbackLog:
    """The feedback that is still to be counted.

    Args:
        source: Where feedback is kept.
        began: Unix time at which this process began.
    """

    def __init__(self, source: FeedbackSource, began: float) -> None:
        self._source = source
        self._since = began - MISSED
        self._counted: dict[str, float] = {}

    async def count(
        self,
        store: TallyStore,
        batches_of: Callable[[GivenFeedback], Iterable[TallyBatch]],
        now: float,
    ) -> None:
        """Count the feedback that no process has counted yet; feedback that cannot be read waits.

        Args:
            store: Where it is counted.
            batches_of: Gives what some feedback adds to the counts. Every process makes the same
                of it.
            now: The present Unix time.

        Raises:
            StoreError: The store cannot be reached.
        """
        try:
            found = await asyncio.to_thread(self.look)
        except StoreError as error:
            _log.debug("feedback waits to be counted: %s", error)
            return
        for given in found:
            for batch in batches_of(given):
                await store.add_tallies(batch)
            self.note(given)
        self.go_on(now)

    def look(self) -> list[GivenFeedback]:
        """What was said and is not counted.

        Raises:
            StoreError: It cannot be read.
        """
        found = self._source.feedback_since(self._since)
        return [each for each in found if each.feedback.id not in self._counted]

    def note(self, given: GivenFeedback) -> None:
        """Remember that feedback is counted."""
        self._counted[given.feedback.id] = given.feedback.at

    def go_on(self, now: float) -> None:
        """Start the next scan where this one ended, minus the time that feedback may take to
        arrive.

        Args:
            now: Unix time at which this one began.
        """
        self._since = max(self._since, now - LATE)
        self._counted = {name: at for name, at in self._counted.items() if at >= self._since}


def batch_of(topic: str, given: GivenFeedback) -> TallyBatch:
    """What feedback adds to the counts; the latest score of each source counts.

    Args:
        topic: The topic of the counts.
        given: The feedback.
    """
    feedback, of = given.feedback, given.outcome
    role = Role.AFTER_REJECTION if of.role is Role.AFTER_REJECTION else Role.FIRST
    node = Node(of.task or "", of.form or "", of.kind or "", of.band or "")
    key = OutcomeKey(node, of.model, role, of.prompt or "")
    score = round(feedback.score * SCORE)
    change = {FEEDBACK: 1, FEEDBACK_SUM: score}
    if given.before is not None:
        change = {FEEDBACK_SUM: score - round(given.before * SCORE)}
    counts = dict(change)
    if of.tenant is not None:
        group = tenant_group(of.tenant)
        counts |= {f"{TENANT}{group} {name}": n for name, n in change.items()}
    return TallyBatch(
        topic, f"feedback {feedback.id}", 1, {(int(feedback.at // DAY), str(key)): counts}
    )


def experiment_batches(
    given: GivenFeedback, followed: Iterable[FollowedExperiment]
) -> Iterator[TallyBatch]:
    """What feedback adds to the counts of the experiments that its request belonged to.

    Args:
        given: The feedback.
        followed: The experiments of the policy that decided the request.
    """
    feedback, of = given.feedback, given.outcome
    score = round(feedback.score * SCORE)
    counts: Counts = ratings_of(1, score)
    if given.before is not None:
        counts = ratings_of(0, score - round(given.before * SCORE))
    for each in followed:
        experiment = each.experiment
        arm = of.arms.get(experiment.name)
        if arm is None:
            continue
        sticks = experiment.stick_to
        subject = None if sticks is None else getattr(of, sticks) or None
        key = count_key(experiment, arm, subject, feedback.decision)
        places = {(int(feedback.at // DAY), key): counts}
        yield TallyBatch(each.topic, f"feedback {feedback.id} {each.topic}", 1, places)
