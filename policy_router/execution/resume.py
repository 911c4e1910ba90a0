"""What the caller of a stream has been told already, and what of a second answer is new to them."""

from __future__ import annotations

from typing import Any

from policy_router.providers.chat import choices, finish, says_by, set_text, text
from policy_router.providers.failure import CallFailed, Failure, FailureKind


class ResumeFilter:
    """Remembers the text given out, so that an answer that breaks can be resumed.

    A resumed answer begins from its start: what repeats the text already given out is swallowed,
    and the first character that differs ends it. Only plain text of one choice can be resumed;
    reasoning and tool calls come out differently each time.
    """

    def __init__(self) -> None:
        self._text = ""
        self._repeated: int | None = None
        self._plain = True
        self._id: Any = None

    @property
    def began(self) -> bool:
        """Whether the caller was told anything."""
        return bool(self._text) or not self._plain

    @property
    def resumable(self) -> bool:
        """Whether another answer can go on from here."""
        return self._plain

    def again(self) -> None:
        """The next chunks come from a new answer."""
        self._repeated = 0

    def new(self, chunk: Any) -> Any:
        """The chunk as far as it is new to the caller; None when nothing of it is. Raises
        CallFailed when it contradicts what was told."""
        if self._repeated is not None:
            if not self._repeats(chunk):
                return None
            chunk.id = self._id  # one answer to the caller, whoever wrote its end
        elif self._id is None:
            self._id = getattr(chunk, "id", None)
        else:
            chunk.id = self._id
        said = says_by(chunk)
        if any(name != "content" for name in said) or len(choices(chunk)) > 1:
            self._plain = False
        self._text += text(chunk)
        return chunk

    def _repeats(self, chunk: Any) -> bool:
        """Steps through the repetition; True when the chunk brings something new, which is all
        that it then holds."""
        left = self._text[self._repeated :]
        piece = text(chunk)
        other = any(name != "content" for name in says_by(chunk))
        ends = finish(chunk) is not None and len(piece) < len(left)
        if other or ends or not (left.startswith(piece) or piece.startswith(left)):
            self._plain = False
            raise CallFailed(
                Failure(FailureKind.STREAM_BROKEN, "the new answer differs from the old one")
            )
        if len(piece) < len(left):
            self._repeated = len(self._text) - len(left) + len(piece)
            return False
        self._repeated = None
        set_text(chunk, piece[len(left) :])
        return len(piece) > len(left) or finish(chunk) is not None
