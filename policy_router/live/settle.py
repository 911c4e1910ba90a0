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


class Verdict(Enum):
    """READY: the bytes may be acted on. WAIT: look again. CHANGING: they have kept changing for too
    long to go on in silence. WRITING: so has a program kept a file open for writing."""

    READY = "ready"
    WAIT = "wait"
    CHANGING = "changing"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the files showed.

    seen: identifies the bytes. torn: the files changed while they were read. writing: the files
    that a program has open for writing, as far as that is known. loss: the bytes lack something
    that the active ones have, as half a file would.
    """

    seen: Hashable
    torn: bool = False
    writing: tuple[str, ...] = ()
    loss: bool = False


class Answer(NamedTuple):
    """What to do, and the seconds until the next look."""

    verdict: Verdict
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
        self._since = self._began = 0.0

    @property
    def waiting(self) -> bool:
        """Whether new bytes are held back."""
        return self._seen is not None

    def look(self, now: float, look: Look, not_before: float = float("-inf")) -> Answer:
        """What to do about a look. now: seconds of a clock that never goes back. not_before: the
        time before which even settled bytes have to wait."""
        began = self._began if self.waiting else now
        if look.torn or look.seen != self._seen:
            if now - began >= LONGEST:
                self.reset()
                return Answer(Verdict.CHANGING, self.settle)
            self._seen, self._since, self._began = look.seen, now, began
            return Answer(Verdict.WAIT, self.settle)
        if look.writing:
            # Half a file can stand still for as long as its writer does. The quiet time begins when
            # it is closed.
            self._since = now
            late = now - began >= LONGEST
            return Answer(Verdict.WRITING if late else Verdict.WAIT, self.settle)
        # Compared as the moments they end in: a difference can round to a wait of nothing.
        settled = self._since + (self.settle_loss if look.loss else self.settle)
        if now < settled:
            return Answer(Verdict.WAIT, settled - now)
        if now < not_before:
            # Settled, only too soon: what comes until then is not unrest.
            self._began = now
            return Answer(Verdict.WAIT, not_before - now)
        return Answer(Verdict.READY, 0.0)
