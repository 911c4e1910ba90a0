"""What to do after each scan of the policy files: a state machine without clock or IO."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.live.settle import LONGEST, SettleState, Settling

if TYPE_CHECKING:
    from collections.abc import Hashable

    from policy_router.live.settle import Observation

_ALWAYS: Final = float("-inf")


class ReloadAction(Enum):
    """What to do about a look.

    NOTHING: the files were acted upon already.
    RESTORE: the files are the active policy again.
    WAIT: look again, the files have not settled.
    GIVE_UP: they have not settled for so long that it is reported; look again.
    ACT: they have settled: compile or refuse them.
    """

    NOTHING = "nothing"
    RESTORE = "restore"
    WAIT = "wait"
    GIVE_UP = "give up"
    ACT = "act"


class ReloadStep(NamedTuple):
    """What to do, and the seconds until the next look."""

    action: ReloadAction
    pause: float


class ReloadMachine:
    """Decides about each look, given what was acted upon before.

    Args:
        interval: Seconds between two looks at files that have settled.
        settle: Seconds for which the same bytes must have been there.
        settle_loss: The same for bytes that lack something that the active ones have.
        min_interval: Seconds between two compilations that were not requested.
    """

    def __init__(
        self, *, interval: float, settle: float, settle_loss: float, min_interval: float
    ) -> None:
        self._interval = interval
        self._min_interval = min_interval
        self._compiled_at = _ALWAYS
        self.settling = Settling(settle, settle_loss)
        self.attempted: Hashable | None = None
        """What identifies the files last acted upon; None when they must be acted upon again."""

    def known(self, seen: Hashable, active: str) -> ReloadAction | None:
        """Return what to do about files that are not new; None when they are.

        Args:
            seen: What identifies the files.
            active: Digest of the files of the active policy.
        """
        if seen == self.attempted:
            return ReloadAction.NOTHING
        return ReloadAction.RESTORE if seen == active else None

    def look(self, now: float, observation: Observation, *, urgent: bool = False) -> ReloadStep:
        """Decide about a look at new files.

        Args:
            now: Seconds of a clock that never goes back.
            observation: What the look found.
            urgent: Whether `min_interval` does not count.
        """
        not_before = _ALWAYS if urgent else self._compiled_at + self._min_interval
        settled = self.settling.look(now, observation, not_before)
        match settled.verdict:
            case SettleState.READY:
                return ReloadStep(ReloadAction.ACT, self._interval)
            case SettleState.WAIT:
                return ReloadStep(ReloadAction.WAIT, settled.pause)
        self.attempted = None
        return ReloadStep(ReloadAction.GIVE_UP, min(self._interval, LONGEST))

    def compiling(self, now: float) -> None:
        """Record that a compilation begins."""
        self._compiled_at = now

    def handled(self, seen: Hashable) -> None:
        """Record that files were acted upon."""
        self.settling.reset()
        self.attempted = seen

    def reset(self) -> None:
        """Forget what was acted upon: the next look decides again."""
        self.settling.reset()
        self.attempted = None
