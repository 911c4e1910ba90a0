"""When new bytes may be acted on: a state machine over what successive looks at the files showed.

It has no clock and no IO: each look comes with its time. Three things hold bytes back: they were
different at the look before, a program has one of the files open for writing, or they came too soon
after the last compilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

LONGEST: Final = 2.0
"""Seconds of unrest after which it is reported."""


class SettleState(Enum):
    """READY: the bytes may be acted on. WAIT: look again. CHANGING: they have kept changing for too
    long to go on in silence. WRITING: so has a program kept a file open for writing."""

    READY = "ready"
    WAIT = "wait"
    CHANGING = "changing"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at the files showed.

    seen: identifies the bytes. torn: the files changed while they were read. writing: the files
    that a program has open for writing, as far as that is known. loss: the bytes lack something
    that the active ones have, as half a file would.
    """

    seen: Hashable
    torn: bool = False
    writing: tuple[str, ...] = ()
    loss: bool = False


class SettleStep(NamedTuple):
    """What to do, and the seconds until the next look."""

    verdict: SettleState
    pause: float


class Settling:
    """Says when bytes have settled.

    settle: seconds for which the same bytes must have been there. settle_loss: the same for bytes
    that lack something.
    """

    def __init__(self, settle: float, settle_loss: float) -> None:
        self.settle = settle
        self.settle_loss = max(settle, settle_loss)
        self.reset()

    def reset(self) -> None:
        """The bytes were acted on, or are the active ones again."""
        self._seen: Hashable | None = None
        self._began = self._came = self._closed = 0.0
        self._still = False
        self._writing: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether new bytes are held back."""
        return self._seen is not None

    def look(self, now: float, look: Observation, not_before: float = float("-inf")) -> SettleStep:
        """What to do about a look. now: seconds of a clock that never goes back. not_before: the
        time before which even settled bytes have to wait."""
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
        # Bytes that were the same for a while were held back by something else: that they are
        # replaced is a change, not unrest.
        if not self.waiting or self._still:
            self._began = now
        if now - self._began >= LONGEST:
            self.reset()
            return SettleStep(SettleState.CHANGING, self.settle)
        self._seen, self._came, self._closed, self._still = look.seen, now, now, False
        return SettleStep(SettleState.WAIT, self.settle)
