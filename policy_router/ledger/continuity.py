"""Whether a ledger still has everything that a process saw it count. Pure comparisons, no IO.

Every change of a ledger gets the next number, its *version*. A ledger has a random id, and a second
one, its *branch*, which every process that begins to write replaces by one of its own; the version
at which a branch was succeeded is kept. A process remembers ledger, branch and version of the last
answer that it got. When a later answer does not contain that point, then data was lost: the server
was emptied or restarted without a log, a replica that lagged behind took over, or an older copy was
put in place.

The branches are needed because a version alone can catch up: a process that began after the loss
has nothing to compare with, and its changes raise the version beyond what others remember.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REMEDY: Final = (
    "put the right data back, or compare what was spent with your providers' bills and run "
    "`policy-router doctor --accept-loss`"
)
BRANCHES: Final = 1000
"""Branches whose end is kept. What a process saw before the oldest of them can no longer be
compared, and counts as there."""
PAUSE: Final = 1.0
"""Seconds after which to ask a ledger again that lost data: an operator may have accepted it."""


def new_token() -> str:
    """A random id for a ledger or a branch."""
    return token_hex(8)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in the history of a ledger: its id, its branch ("" where that is not known), and the
    number of changes so far."""

    ledger: str
    branch: str
    version: int


@dataclass(frozen=True, slots=True)
class Loss:
    """A ledger lost data, and nobody has accepted that yet.

    since: Unix time of the ledger's clock when it was noticed. seen: the version that somebody had
    seen; None when a counter was missing that the ledger itself lists. found: the version that was
    there instead; None when it was another ledger.
    """

    since: float = field(compare=False)
    seen: int | None
    found: int | None

    @property
    def text(self) -> str:
        """What happened, in words."""
        if self.seen is None:
            return "counters are gone that it lists: they were deleted or evicted"
        if self.found is None:
            return f"its {self.seen} changes are gone: it was emptied, or another ledger is there"
        return f"it went back from change {self.seen} to change {self.found}"

    def stored(self) -> str:
        """The text that a store keeps of it."""
        numbers = (-1 if each is None else each for each in (self.seen, self.found))
        return " ".join((repr(self.since), *map(str, numbers)))

    @classmethod
    def restored(cls, text: str) -> Loss:
        """The loss that was stored."""
        since, *numbers = text.split()
        seen, found = (None if int(each) < 0 else int(each) for each in numbers)
        return cls(float(since), seen, found)


def contains(
    found: Mark,
    seen: Mark,
    succeeded: Callable[[str], int | None],
    oldest: int,
    accepted: Callable[[str], bool],
) -> bool:
    """Whether the history that leads to `found` contains the point `seen`.

    succeeded: the version at which a branch was succeeded; None when it is not known. oldest: the
    version up to which those are no longer kept. accepted: whether the loss of a ledger of this id
    was accepted.
    """
    if found.ledger != seen.ledger:
        return accepted(seen.ledger)
    if seen.branch in ("", found.branch):
        return found.version >= seen.version
    until = succeeded(seen.branch)
    return seen.version <= (oldest if until is None else until)


class SeenState:
    """What a process remembers of a ledger, and whether the ledger is known to have lost data.

    mark: the last point that was seen; None before the first. branch: what this process calls its
    branch; joined: whether the ledger has it. Threads share this without a lock: an older point
    that replaces a newer one is still a true one.
    """

    def __init__(self, mark: Mark | None = None) -> None:
        self.mark = mark
        self.branch = new_token()
        self.joined = False
        self.loss: Loss | None = None

    def note(self, found: Mark | None, loss: Loss | None) -> None:
        """Remember what an answer showed. found: None for a ledger without any change yet. After a
        loss, what was there before is remembered until the loss is accepted or the data is back."""
        self.loss = loss
        if found is None:
            return
        known = self.mark
        if loss is None and (
            known is None or known.ledger != found.ledger or known.version <= found.version
        ):
            self.mark = found
        self.joined = self.joined or found.branch == self.branch
