"""Reports what happens to one request as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.events import Answered, Attempted, Decided, Exhausted, JudgedAnswer, NoRoom
from policy_router.frozen import maker

if TYPE_CHECKING:
    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.event_source import EventSource
    from policy_router.events import EventIdentity
    from policy_router.providers.failures.failure import Failure

_new_decided: Final = maker(Decided)
_new_attempted: Final = maker(Attempted)
_new_answered: Final = maker(Answered)


class RequestReport:
    """The events of one request, each with the identity of its decision."""

    def __init__(self, source: EventSource, decision: Decision) -> None:
        self._source = source
        self._decision = decision

    def decided(self) -> None:
        """The decision is about to be carried out."""
        if self._source.wants(Decided):
            self._source.send(_new_decided(*self._identity(), self._decision))

    def no_room(self, skip: Skip) -> None:
        """A candidate had no room in a limit or budget."""
        self._source.send(NoRoom(*self._identity(), skip))

    def attempted(self, attempt: Attempt, failure: Failure | None) -> None:
        """An attempt has ended."""
        if self._source.wants(Attempted):
            self._source.send(_new_attempted(*self._identity(), attempt, failure))

    def judged(self, attempt: Attempt, passed: bool | None, failure: Failure | None) -> None:
        """The call of a judge has ended."""
        self._source.send(JudgedAnswer(*self._identity(), self._decision, attempt, passed, failure))

    def answered(
        self,
        attempts: tuple[Attempt, ...],
        served_by: str,
        skipped: tuple[Skip, ...],
        verdict: Verdict,
    ) -> None:
        """The request has its answer."""
        self._source.send(
            _new_answered(
                *self._identity(),
                self._decision,
                attempts,
                served_by,
                skipped,
                verdict.rejected,
                verdict.unchecked,
            )
        )

    def exhausted(
        self,
        attempts: tuple[Attempt, ...],
        skipped: tuple[Skip, ...],
        *,
        stopped: bool,
        retry_after: float | None,
    ) -> None:
        """The request got no answer, or no complete one."""
        identity = self._identity()
        self._source.send(
            Exhausted(*identity, self._decision, attempts, stopped, retry_after, skipped)
        )

    def _identity(self) -> EventIdentity:
        return self._source.identity(self._decision.id, self._decision.revision)
