"""Continues a broken stream with another answer, after the text that was already delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatChunk

_DIFFERS: Final = Failure(
    FailureKind.STREAM_BROKEN,
    "the new answer differs from the old one",
    scope_override=FailureScope.REQUEST,
)
"""No model is at fault: the same question may be answered in other words."""


class ResumeFilter:
    """Remembers the text that was delivered, so that an answer that breaks can be resumed.

    The answer that resumes it begins from its start: what repeats the delivered text is dropped,
    and the first character that differs ends the stream. Only plain text of one choice can be
    resumed; reasoning and tool calls differ each time.
    """

    def __init__(self) -> None:
        self._text = ""
        self._repeated: int | None = None
        self._plain = True
        self._id: str | None = None
        self._resumed = False

    @property
    def began(self) -> bool:
        """Whether anything was delivered."""
        return bool(self._text) or not self._plain

    @property
    def resumable(self) -> bool:
        """Whether another answer can continue from here."""
        return self._plain

    def again(self) -> None:
        """Expects the chunks of a new answer from now on."""
        self._resumed = True
        self._repeated = 0

    def new(self, chunk: ChatChunk) -> ChatChunk | None:
        """The chunk with only what was not delivered yet.

        Every chunk gets the id of the first: it is one answer, whichever model wrote its end.

        Returns:
            The chunk to deliver; None when all of it was delivered before.

        Raises:
            CallFailed: It contradicts what was delivered.
        """
        if self._repeated is not None:
            rest = self._unrepeated(chunk)
            if rest is None:
                return None
            chunk = rest
        self._id = self._id or chunk.id
        if chunk.id != self._id:
            original = None if self._resumed else chunk.original
            chunk = replace(chunk, id=self._id, original=original)
        if len(chunk.choices) > 1 or _has_more_than_text(chunk):
            self._plain = False
        self._text += chunk.text
        return chunk

    def _unrepeated(self, chunk: ChatChunk) -> ChatChunk | None:
        """What a chunk adds after the repetition; None when it is part of the repetition."""
        expected = self._text[self._repeated :]
        piece = chunk.text
        ends = chunk.finish_reason is not None and len(piece) < len(expected)
        agrees = expected.startswith(piece) or piece.startswith(expected)
        if _has_more_than_text(chunk) or ends or not agrees:
            self._plain = False
            raise CallFailed(_DIFFERS)
        if len(piece) < len(expected):
            self._repeated = len(self._text) - len(expected) + len(piece)
            return None
        self._repeated = None
        if len(piece) == len(expected) and chunk.finish_reason is None:
            return None
        return _with_text(chunk, piece[len(expected) :])


def _has_more_than_text(chunk: ChatChunk) -> bool:
    return any(choice.delta.has_more_than_text for choice in chunk.choices)


def _with_text(chunk: ChatChunk, text: str) -> ChatChunk:
    """The chunk with this text in its first choice."""
    first, *others = chunk.choices
    first = replace(first, delta=replace(first.delta, content=text))
    return replace(chunk, choices=(first, *others), original=None)
