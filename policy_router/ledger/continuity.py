"""Whether a ledger still contains everything that a process saw in it, without IO.

Every change of a ledger gets the next number, its *version*. A ledger has a random id and a second
one, its *branch*, which every process that begins to write replaces by one of its own; the version
at which a branch was succeeded by the next is kept. A process remembers ledger, branch and version
of the last answer that it got. When the history of a later answer does not contain that point, data
was lost: the server was emptied or restarted without a log, a replica that lagged behind took over,
or an older copy was restored.

Branches are needed because a version alone can catch up: a process that starts after the loss has
nothing to compare with, and its changes raise the version above what others remember.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REMEDY: Final = (
    "restore the right data, or compare what was spent with your providers' bills and run "
    "`policy-router doctor --accept-loss`"
)
BRANCHES: Final = 1000
"""The number of branches whose end is kept. What a process saw before the oldest of them can no
longer be compared, and counts as present."""
PAUSE: Final = 1.0
"""Seconds after which to try a ledger again that lost data: an operator may have accepted that."""


def new_token() -> str:
    """A random id for a ledger or a branch."""
    return token_hex(8)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in the history of a ledger.

    Attributes:
        ledger: The id of the ledger.
        branch: Its branch; empty where that is unknown.
        version: The number of changes so far.
    """

    ledger: str
    branch: str
    version: int


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of data that was not accepted yet.

    Attributes:
        since: When it was noticed, Unix time of the ledger's clock.
        seen: The version that a process had seen; None when a counter was missing that the ledger
            itself lists.
        found: The version that was there instead; None when it was another ledger.
    """

    since: float = field(compare=False)
    seen: int | None
    found: int | None

    @property
    def text(self) -> str:
        """What happened, for people."""
        if self.seen is None:
            return "counters that it lists are missing: they were deleted or evicted"
        if self.found is None:
            return (
                f"its {self.seen} changes are missing: it was emptied, or another ledger is there"
            )
        return f"it went back from change {self.seen} to change {self.found}"

    def stored(self) -> str:
        """The text under which a store keeps it."""
        numbers = (-1 if version is None else version for version in (self.seen, self.found))
        return " ".join((repr(self.since), *map(str, numbers)))

    @classmethod
    def restored(cls, text: str) -> Loss:
        """The loss, from its text."""
        since, *numbers = text.split()
        seen, found = (None if int(number) < 0 else int(number) for number in numbers)
        return cls(float(since), seen, found)


def contains(
    reached: Mark,
    seen: Mark,
    succeeded: Callable[[str], int | None],
    oldest: int,
    accepted: Callable[[str], bool],
) -> bool:
    """Whether the history of a ledger contains a point.

    Args:
        reached: Where the ledger is now.
        seen: The point.
        succeeded: Returns the version at which a branch was succeeded; None when it is unknown.
        oldest: Up to this version, the ends of branches are no longer kept.
        accepted: Whether the loss of the ledger with this id was accepted.
    """
    if reached.ledger != seen.ledger:
        return accepted(seen.ledger)
    if seen.branch in ("", reached.branch):
        return reached.version >= seen.version
    until = succeeded(seen.branch)
    return seen.version <= (oldest if until is None else until)


class SeenState:
    """What a process remembers of a ledger.

    Threads share it without a lock: an older point that replaces a newer one is still true.

    Args:
        mark: A point that the ledger must contain; None for nothing.

    Attributes:
        mark: The last point that was seen; None before the first.
        branch: The id of this process's own branch.
        joined: Whether the ledger has that branch.
        loss: What the ledger lost; None for nothing.
    """

    def __init__(self, mark: Mark | None = None) -> None:
        self.mark = mark
        self.branch = new_token()
        self.joined = False
        self.loss: Loss | None = None

    def record(self, reached: Mark | None, loss: Loss | None) -> None:
        """Remember what an answer showed.

        After a loss, the point before it is remembered until the loss is accepted or the data is
        back.

        Args:
            reached: Where the ledger is; None for a ledger without any change yet.
            loss: What it lost; None for nothing.
        """
        self.loss = loss
        if reached is None:
            return
        before = self.mark
        if loss is None and (
            before is None or before.ledger != reached.ledger or before.version <= reached.version
        ):
            self.mark = reached
        self.joined = self.joined or reached.branch == self.branch
