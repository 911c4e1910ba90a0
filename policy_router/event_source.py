"""Gives events their identity, and sends them to observers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.ids import Ids
from policy_router.redaction.trace import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.events import Event, EventIdentity, Observer

_log: Final = logging.getLogger(__name__)

Wants: TypeAlias = "Callable[[type[Event]], bool]"
"""Whether an observer takes events of a class now."""


def _everything(_: type[Event]) -> bool:
    return True


class EventSource:
    """Gives events their identity, and sends them to observers.

    Exceptions of observers do not affect requests; the first one of each observer is logged.

    Most observers take few classes of events, and most events of a request have no taker. So an
    observer may have a function `wants`, which is asked before each event, and what nobody wants
    need not be made.
    """

    def __init__(
        self,
        *observers: Observer,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """Create a source of events.

        Args:
            *observers: Each gets every event, or those of the classes that it `wants`.
            clock: Unix time in seconds.
            new_id: Generates identifiers. Default: from `clock` and the system's randomness.
        """
        self._observers: tuple[tuple[Observer, Wants], ...] = ()
        for observer in observers:
            self.add(observer)
        self._clock = clock
        self.new_id = Ids(clock) if new_id is None else new_id
        self._failed: set[int] = set()

    def add(self, observer: Observer, wants: Wants | None = None) -> None:
        """Add an observer of all events from now on.

        Args:
            observer: The observer.
            wants: Which classes it gets. Default: those that its own `wants` says, if it has one,
                else all.
        """
        wanted = getattr(observer, "wants", _everything) if wants is None else wants
        self._observers = (*self._observers, (observer, wanted))

    def wants(self, kind: type[Event]) -> bool:
        """Whether an observer takes events of this class now; the others need not be made.

        Never raises: an observer that raises when asked counts as one, and `send` logs its error.
        """
        try:
            for _, wants in self._observers:
                if wants(kind):
                    return True
        except Exception:  # noqa: BLE001  an observer may raise anything
            return True
        return False

    def identity(self, request_id: str | None = None, revision: str | None = None) -> EventIdentity:
        """Returns the first fields of an event that happens now."""
        return self.new_id(), request_id, self._clock(), revision

    def __call__(self, event: Event) -> None:
        """Same as `send`, so that a source is itself an observer."""
        self.send(event)

    def send(self, event: Event) -> None:
        """Pass an event to every observer that wants it. Never raises."""
        kind = type(event)
        for number, (observer, wants) in enumerate(self._observers):
            try:
                if wants(kind):
                    observer(event)
            except Exception as error:  # noqa: BLE001  an observer may raise anything
                if number not in self._failed:
                    self._failed.add(number)
                    message = "an observer raised; its further errors are not logged: %s"
                    _log.error(message, frames(error))
