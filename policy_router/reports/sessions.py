"""What happened in sessions: which model answered each turn, and which cached tokens were lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.journal.query import OutcomeFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.outcome import Outcome
    from policy_router.journal.reader import JournalReader

_SCANNED: Final = 5_000
"""Answers that are read at most, the latest ones."""


@dataclass(frozen=True, slots=True)
class SessionTurn:
    """An answer in a session.

    Attributes:
        model: Name of the model that gave it.
        tier: Its tier; None where that is unknown.
        tokens_in: Input tokens; None where they are not known.
        tokens_cached: Those that were read from the prompt cache; None as above.
    """

    model: str
    tier: str | None
    tokens_in: int | None
    tokens_cached: int | None


@dataclass(frozen=True, slots=True)
class SessionStory:
    """The answers of one session.

    Attributes:
        session: Its name.
        client: The program that sent it; None where that is unknown.
        turns: Its answers in the order of time.
        cost: What its answers cost, in nano-USD.
    """

    session: str
    client: str | None
    turns: tuple[SessionTurn, ...]
    cost: int

    @property
    def switches(self) -> int:
        """How often another model answered than the time before."""
        return sum(a.model != b.model for a, b in zip(self.turns, self.turns[1:], strict=False))

    @property
    def cached_share(self) -> float | None:
        """The share of counted input tokens that came from the prompt cache; None without any."""
        counted = [t for t in self.turns if t.tokens_in and t.tokens_cached is not None]
        total = sum(turn.tokens_in or 0 for turn in counted)
        return sum(turn.tokens_cached or 0 for turn in counted) / total if total else None

    @property
    def cache_lost(self) -> int:
        """Input tokens of turns after a switch that the model before had read already.

        The input of the turn before is the beginning of this one, as far as it is as long; what
        the new model has in its own cache is not lost.
        """
        lost = 0
        for before, turn in zip(self.turns, self.turns[1:], strict=False):
            if before.model != turn.model and turn.tokens_in and before.tokens_in:
                again = min(before.tokens_in, turn.tokens_in) - (turn.tokens_cached or 0)
                lost += max(0, again)
        return lost


def recent_sessions(
    reader: JournalReader, since: float, *, most: int = 30
) -> tuple[SessionStory, ...]:
    """Read the sessions that answered last.

    Args:
        reader: The journal.
        since: Unix time from which on their calls were sent.
        most: How many sessions at most.

    Returns:
        The sessions, the one that answered last first, by at most the 5,000 latest answers.

    Raises:
        StoreError: The journal cannot be read.
    """
    answers = reader.outcomes(OutcomeFilter(since=since, served=True), newest_first=True)
    return stories(_first(answers, _SCANNED), most)


def _first(outcomes: Iterable[Outcome], most: int) -> Iterable[Outcome]:
    for number, outcome in enumerate(outcomes):
        if number == most:
            return
        yield outcome


def stories(newest_first: Iterable[Outcome], most: int) -> tuple[SessionStory, ...]:
    """Put the answers of each session together.

    Args:
        newest_first: Answers, the latest first.
        most: How many sessions at most.
    """
    found: dict[str, list[Outcome]] = {}
    for outcome in newest_first:
        session = outcome.session
        if session is not None and (session in found or len(found) < most):
            found.setdefault(session, []).append(outcome)
    return tuple(_story(session, answers[::-1]) for session, answers in found.items())


def _story(session: str, answers: Sequence[Outcome]) -> SessionStory:
    turns = tuple(SessionTurn(a.model, a.tier, a.tokens_in, a.tokens_cached) for a in answers)
    return SessionStory(session, answers[-1].client, turns, sum(a.cost or 0 for a in answers))
