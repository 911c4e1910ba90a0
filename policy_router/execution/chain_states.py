"""The states of a request while models are called for it, and what may follow each.

A request is always in one of six states:

    IDLE      No model is called. `next` chooses one, or finds that none is left.
    CALLING   The current candidate is called; this includes reserving its limits and budgets.
    CHECKING  Its answer is complete and goes through the policy's checks.
    WAITING   It failed, and `retry` calls it once more after a wait.
    DONE      The caller has an answer. Nothing follows.
    FAILED    No model is called any more. The one thing that may follow is that an earlier answer,
              which the checks rejected, is given out.

`TRANSITIONS` lists what may follow. Anything else is a mistake in the program and raises
RuntimeError where it happens (see `Chain`).
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ChainState(StrEnum):
    """The state of a request; see the head of this module."""

    IDLE = "idle"
    CALLING = "calling"
    CHECKING = "checking"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class ChainEvent(StrEnum):
    """What happens to a request."""

    CHOSEN = "chosen"
    NO_ROOM = "no room"
    ANSWER_COMPLETE = "answer complete"
    ANSWERED = "answered"
    MOVED_ON = "moved on"
    PUT_OFF = "put off"
    RETRIED = "retried"
    GIVEN_UP = "given up"
    STOOD_IN = "stood in"


TRANSITIONS: Final[Mapping[ChainState, Mapping[ChainEvent, ChainState]]] = MappingProxyType(
    {
        ChainState.IDLE: {
            ChainEvent.CHOSEN: ChainState.CALLING,
            ChainEvent.GIVEN_UP: ChainState.FAILED,
        },
        ChainState.CALLING: {
            ChainEvent.NO_ROOM: ChainState.IDLE,
            ChainEvent.ANSWER_COMPLETE: ChainState.CHECKING,
            ChainEvent.ANSWERED: ChainState.DONE,
            ChainEvent.MOVED_ON: ChainState.IDLE,
            ChainEvent.PUT_OFF: ChainState.WAITING,
            ChainEvent.GIVEN_UP: ChainState.FAILED,
        },
        ChainState.CHECKING: {
            ChainEvent.ANSWERED: ChainState.DONE,
            ChainEvent.MOVED_ON: ChainState.IDLE,
            ChainEvent.PUT_OFF: ChainState.WAITING,
            ChainEvent.GIVEN_UP: ChainState.FAILED,
        },
        ChainState.WAITING: {
            ChainEvent.RETRIED: ChainState.CALLING,
            ChainEvent.GIVEN_UP: ChainState.FAILED,
        },
        ChainState.FAILED: {
            ChainEvent.GIVEN_UP: ChainState.FAILED,
            ChainEvent.STOOD_IN: ChainState.DONE,
        },
        ChainState.DONE: {},
    }
)
"""The state that follows; an event that is not listed for a state cannot happen in it."""
