"""When changed bytes have settled: a state machine over successive scans, without clock or IO.

Each look comes with its time. Bytes have not settled while they differ from those of the look
before, while a program has one of the files open for writing, or too soon after a compilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

LONGEST: Final = 2.0
"""Seconds after which it is reported that files do not settle."""


class SettleState(Enum):
    """Whether bytes have settled.

    READY: they may be acted on.
    WAIT: look again.
    CHANGING: they have kept changing for so long that it is reported.
    WRITING: a program has kept a file open for writing for so long that it is reported.
    """

    READY = "ready"
    WAIT = "wait"
    CHANGING = "changing"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at the files showed.

    Attributes:
        seen: Identifies the bytes.
        torn: Whether the files changed while they were read.
        writing: The files that a program has open for writing, as far as that is known.
        loss: Whether the bytes lack something that the active ones have, as half a file would.
    """

    seen: Hashable
    torn: bool = False
    writing: tuple[str, ...] = ()
    loss: bool = False


class SettleStep(NamedTuple):
    """Whether the bytes have settled, and the seconds until the next look."""

    verdict: SettleState
    pause: float


class Settling:
    """Decides when bytes have settled.

    Args:
        settle: Seconds for which the same bytes must have been there.
        settle_loss: The same for bytes that lack something.
    """

    def __init__(self, settle: float, settle_loss: float) -> None:
        self.settle = settle
        self.settle_loss = max(settle, settle_loss)
        self.reset()

    def reset(self) -> None:
        """Forget the bytes: they were acted on, or are the active ones again."""
        self._seen: Hashable | None = None
        self._began = self._came = self._closed = 0.0
        self._still = False
        self._writing: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether there are new bytes that have not settled."""
        return self._seen is not None

    def look(self, now: float, look: Observation, not_before: float = float("-inf")) -> SettleStep:
        """Return whether the bytes of a look have settled.

        Args:
            now: Seconds of a clock that never goes back.
            look: What the look showed.
            not_before: Time before which even settled bytes have to wait.
        """
        if look.writing:
            self._writing = now if self._writing is None else self._writing
        else:
            self._writing = None
        if look.torn or look.seen != self._seen:
            return self._changed(now, look)
        # Half a file can stand still for as long as its writer does. So the quiet time begins when
        # it is closed.
        self._still = self._still or now >= self._came + self.settle
        if self._writing is not None:
            self._closed = now
            late = now - self._writing >= LONGEST
            return SettleStep(SettleState.WRITING if late else SettleState.WAIT, self.settle)
        # Compared as the moments they end in: a difference can round to a wait of nothing.
        quiet = self.settle_loss if look.loss else self.settle
        ready = max(self._closed + quiet, not_before)
        return (
            SettleStep(SettleState.WAIT, ready - now)
            if now < ready
            else SettleStep(SettleState.READY, 0.0)
        )

    def _changed(self, now: float, look: Observation) -> SettleStep:
        # Bytes that stayed the same for a while waited for something else: their replacement
        # begins a new period of change.
        if not self.waiting or self._still:
            self._began = now
        if now - self._began >= LONGEST:
            self.reset()
            return SettleStep(SettleState.CHANGING, self.settle)
        self._seen, self._came, self._closed, self._still = look.seen, now, now, False
        return SettleStep(SettleState.WAIT, self.settle)
