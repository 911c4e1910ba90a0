"""Runs the state table of a dialect, which says how each piece of an answer is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from policy_router.server.dialects.events import ServerEvent
from policy_router.server.dialects.neutral import UNFINISHED
from policy_router.server.dialects.pieces import Kind, Piece, Pieces

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.server.dialects.neutral import Envelope, ErrorNotice


class State(StrEnum):
    """Where a stream is.

    Attributes:
        NEW: Nothing is written.
        IDLE: The answer began, and no block is open.
        IN_TEXT: A block of text is open.
        IN_THOUGHT: A block of reasoning is open.
        IN_REFUSAL: A refusal is open.
        IN_CALL: A tool call is open.
        FINISHED: The model ended, and the usage may follow.
        CLOSED: All is written.
    """

    NEW = "new"
    IDLE = "idle"
    IN_TEXT = "in_text"
    IN_THOUGHT = "in_thought"
    IN_REFUSAL = "in_refusal"
    IN_CALL = "in_call"
    FINISHED = "finished"
    CLOSED = "closed"


W = TypeVar("W")
Action: TypeAlias = Callable[[W, Piece], Iterable[ServerEvent]]
Table: TypeAlias = Mapping[State, Mapping[Kind, tuple[tuple[Action[W], ...], State]]]
"""For each state and kind of piece: what is written, in order, and the state that follows. Where
there is no entry, the piece comes too late or too early, and changes nothing."""


class TableStream(Generic[W]):
    """A stream that is written by a table. Implements StreamWriter.

    Args:
        table: The table.
        writer: Writes the events of the dialect; the actions of the table are its methods.
        envelope: The metadata of the answer: id, model, time.
    """

    def __init__(self, table: Table[W], writer: W, envelope: Envelope) -> None:
        self._table = table
        self._writer = writer
        self._pieces = Pieces(envelope.call_id)
        self.state = State.NEW
        """Where the stream is."""

    def read(self, chunk: ChatChunk) -> list[ServerEvent]:
        """Take the next chunk, and return the events that it adds."""
        return [event for piece in self._pieces.read(chunk) for event in self._step(piece)]

    def follow(self, chunk: ChatChunk) -> None:
        """Take the next chunk, whose events the client gets as the provider sent them."""
        self.read(chunk)

    def end(self) -> list[ServerEvent]:
        """Take the end of the stream. Without a finish reason it ends in an error."""
        if not self._pieces.finished:
            return self.fail(UNFINISHED)
        return self._step(self._pieces.end())

    def fail(self, error: ErrorNotice) -> list[ServerEvent]:
        """Take an error after which there is no more of the stream."""
        return self._step(Piece(Kind.FAIL, error=error))

    def _step(self, piece: Piece) -> list[ServerEvent]:
        entry = self._table[self.state].get(piece.kind)
        if entry is None:
            return []
        actions, self.state = entry
        return [event for action in actions for event in action(self._writer, piece)]
