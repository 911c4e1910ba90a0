"""Gives events their identity, and sends them to observers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from policy_router.ids import Ids
from policy_router.redaction.trace import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.events import Event, EventIdentity, Observer

_log: Final = logging.getLogger(__name__)


class EventSource:
    """Gives events their identity, and sends them to observers.

    Exceptions of observers do not affect requests; the first one of each observer is logged.
    """

    def __init__(
        self,
        *observers: Observer,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """Create a source of events.

        Args:
            *observers: Each gets every event.
            clock: Unix time in seconds.
            new_id: Generates identifiers. Default: from `clock` and the system's randomness.
        """
        self._observers = observers
        self._clock = clock
        self.new_id = Ids(clock) if new_id is None else new_id
        self._failed: set[int] = set()

    def add(self, observer: Observer) -> None:
        """Add an observer of all events from now on."""
        self._observers = (*self._observers, observer)

    def identity(self, request_id: str | None = None, revision: str | None = None) -> EventIdentity:
        """Returns the first fields of an event that happens now."""
        return self.new_id(), request_id, self._clock(), revision

    def __call__(self, event: Event) -> None:
        """Same as `send`, so that a source is itself an observer."""
        self.send(event)

    def send(self, event: Event) -> None:
        """Pass an event to every observer. Never raises."""
        for number, observer in enumerate(self._observers):
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001  an observer may raise anything
                if number not in self._failed:
                    self._failed.add(number)
                    message = "an observer raised; its further errors are not logged: %s"
                    _log.error(message, frames(error))
