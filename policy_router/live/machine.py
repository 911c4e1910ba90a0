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
    """What to do about a scan.

    NOTHING: the files were processed already.
    RESTORE: the files are the active policy again.
    WAIT: scan again, the files have not settled.
    GIVE_UP: report that they have not settled for a long time; scan again.
    ACT: they have settled: compile or reject them.
    """

    NOTHING = "nothing"
    RESTORE = "restore"
    WAIT = "wait"
    GIVE_UP = "give up"
    ACT = "act"


class ReloadStep(NamedTuple):
    """What to do, and the seconds until the next scan."""

    action: ReloadAction
    pause: float


class ReloadMachine:
    """Decides what to do after each scan, given what was processed before.

    Args:
        interval: Seconds between two scans of settled files.
        settle: Seconds for which the content must have been stable.
        settle_loss: The same for content that lacks something that the active files have.
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
        """Identifies the files that were last processed; None when they must be processed again."""

    def known(self, seen: Hashable, active: str) -> ReloadAction | None:
        """Return what to do about known files; None for new ones.

        Args:
            seen: Identifies the files.
            active: Digest of the files of the active policy.
        """
        if seen == self.attempted:
            return ReloadAction.NOTHING
        return ReloadAction.RESTORE if seen == active else None

    def observe(self, now: float, observation: Observation, *, urgent: bool = False) -> ReloadStep:
        """Decide what to do after a scan that found new files.

        Args:
            now: Monotonic time in seconds.
            observation: The result of the scan.
            urgent: Whether to ignore `min_interval`.
        """
        not_before = _ALWAYS if urgent else self._compiled_at + self._min_interval
        settled = self.settling.observe(now, observation, not_before)
        match settled.verdict:
            case SettleState.READY:
                return ReloadStep(ReloadAction.ACT, self._interval)
            case SettleState.WAIT:
                return ReloadStep(ReloadAction.WAIT, settled.pause)
        self.attempted = None
        return ReloadStep(ReloadAction.GIVE_UP, min(self._interval, LONGEST))

    def compiling(self, now: float) -> None:
        """Record that a compilation starts."""
        self._compiled_at = now

    def handled(self, seen: Hashable) -> None:
        """Record that files were processed."""
        self.settling.reset()
        self.attempted = seen

    def reset(self) -> None:
        """Forget what was processed: the next scan decides again."""
        self.settling.reset()
        self.attempted = None
