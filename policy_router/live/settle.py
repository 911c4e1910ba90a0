"""When changed files have settled: a state machine over successive scans, without clock or IO.

Each scan comes with its time. Files have not settled while their content differs from the previous
scan, while a program has one of them open for writing, or too soon after a compilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

LONGEST: Final = 2.0
"""Seconds after which it is reported that files have not settled."""


class SettleState(Enum):
    """Whether files have settled.

    READY: they may be processed.
    WAIT: scan again.
    CHANGING: they have kept changing for so long that it is reported.
    WRITING: a program has kept a file open for writing for so long that it is reported.
    """

    READY = "ready"
    WAIT = "wait"
    CHANGING = "changing"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one scan of the files.

    Attributes:
        seen: Identifies the content.
        torn: Whether the files changed while they were read.
        writing: The files that are known to be open for writing.
        loss: Whether the content lacks something that the active files have, as half a file would.
    """

    seen: Hashable
    torn: bool = False
    writing: tuple[str, ...] = ()
    loss: bool = False


class SettleStep(NamedTuple):
    """Whether the files have settled, and the seconds until the next scan."""

    verdict: SettleState
    pause: float


class Settling:
    """Decides when files have settled.

    Args:
        settle: Seconds for which the same bytes must have been there.
        settle_loss: The same for content that lacks something.
    """

    def __init__(self, settle: float, settle_loss: float) -> None:
        self.settle = settle
        self.settle_loss = max(settle, settle_loss)
        self.reset()

    def reset(self) -> None:
        """Forget the content: it was processed, or is the active one again."""
        self._seen: Hashable | None = None
        self._began = self._came = self._closed = 0.0
        self._still = False
        self._writing: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is new content that has not settled."""
        return self._seen is not None

    def observe(
        self, now: float, observation: Observation, not_before: float = float("-inf")
    ) -> SettleStep:
        """Return whether the files have settled as of a scan.

        Args:
            now: Monotonic time in seconds.
            observation: The result of the scan.
            not_before: Time before which even settled files have to wait.
        """
        if observation.writing:
            self._writing = now if self._writing is None else self._writing
        else:
            self._writing = None
        if observation.torn or observation.seen != self._seen:
            return self._changed(now, observation)
        # Half a file can stay unchanged for as long as its writer pauses. So the quiet time starts
        # when it is closed.
        self._still = self._still or now >= self._came + self.settle
        if self._writing is not None:
            self._closed = now
            late = now - self._writing >= LONGEST
            return SettleStep(SettleState.WRITING if late else SettleState.WAIT, self.settle)
        # Compare end times: a difference could round to a wait of zero.
        quiet = self.settle_loss if observation.loss else self.settle
        ready = max(self._closed + quiet, not_before)
        return (
            SettleStep(SettleState.WAIT, ready - now)
            if now < ready
            else SettleStep(SettleState.READY, 0.0)
        )

    def _changed(self, now: float, observation: Observation) -> SettleStep:
        # Content that was stable for a while was waiting for something else: replacing it starts a
        # new period of change.
        if not self.waiting or self._still:
            self._began = now
        if now - self._began >= LONGEST:
            self.reset()
            return SettleStep(SettleState.CHANGING, self.settle)
        self._seen, self._came, self._closed, self._still = observation.seen, now, now, False
        return SettleStep(SettleState.WAIT, self.settle)
