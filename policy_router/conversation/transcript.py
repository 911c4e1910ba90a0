"""The conversation in a body: its turns, the results of tools, and the request to be judged.

What a human asks is judged, not what surrounds it: no system prompt, no tool and no result of one.
So a session keeps its judgement while an agent works, and gets another one when a human says more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from policy_router.conversation.blocks import asked_in, may_be_asked
from policy_router.conversation.follow_ups import goes_on, refers_back
from policy_router.conversation.results import is_error
from policy_router.domain.content import NEED_OF_PART
from policy_router.domain.dialect import Dialect

OPENING: Final = 400
"""Characters of the system prompt that are kept, to recognise calls for titles and summaries."""
_REFERRING: Final = 3
"""Turns that refer back to the one before, at most, before the one that is judged with them."""


class Asked(NamedTuple):
    """What a human asks.

    Attributes:
        text: The request to be judged.
        turn: The number of the turn in which it was made, from 1; 0 when no human asked anything.
        message: The message or part that it is in; None when it is in none alone.
    """

    text: str
    turn: int
    message: object = None


class Transcript:
    """The conversation of a body, read in one pass over its messages; no text is copied.

    Attributes:
        results: Results of tools.
        errors: Results of tools since the last one that is no error, in the current turn.
        answers: Messages of the model.
        system: The beginning of the first system prompt.
    """

    __slots__ = (
        "_asks_last", "_is_open", "_said", "_turns", "answers", "errors", "results", "system",
    )  # fmt: skip

    def __init__(self, *, asks_last: bool = False) -> None:
        self._asks_last = asks_last
        self._turns: list[list[_Message]] = []
        self._is_open = False
        self._said: list[_Message] = []
        self.results = 0
        self.errors = 0
        self.answers = 0
        self.system = ""

    @property
    def turns(self) -> int:
        """How often a human spoke; consecutive messages are one turn."""
        return len(self._turns)

    def instruct(self, content: object) -> None:
        """Add a system prompt."""
        if content is not None and not self.system:
            self.system = next(iter(_texts(content)), "")[:OPENING]

    def answer(self) -> None:
        """Add a message of the model."""
        self.answers += 1
        self._is_open = False

    def result(self, holder: Mapping[object, object], content: object) -> None:
        """Add the result of a tool.

        Args:
            holder: The message, part or item that the result is in.
            content: Its content.
        """
        self.results += 1
        self.errors = self.errors + 1 if is_error(holder, content) else 0
        self._is_open = False

    def say(self, message: object, content: object) -> None:
        """Add a message of the user. It begins a turn unless it follows another one."""
        texts = _texts(content)
        is_asked = may_be_asked(texts[0]) if len(texts) == 1 else any(map(may_be_asked, texts))
        if not is_asked and not _has_media(content):
            if texts:
                self._said.append(_Message(message, texts))
            return
        self.errors = 0
        if self._is_open:
            self._turns[-1].append(_Message(message, texts))
        else:
            self._turns.append([_Message(message, texts)])
            self._is_open = True

    def asked(self) -> Asked:
        """Return what a human asks: the last turn, in the light of those before it.

        A turn such as "yes" or "continue" means what was asked before it. A brief one that refers
        back, such as "now the same for the tests", is judged together with that.
        """
        referring: list[str] = []
        for number in range(len(self._turns), 0, -1):
            text, message = self._of_turn(number - 1)
            if number > 1 and goes_on(text):
                continue
            if number > 1 and len(referring) < _REFERRING and refers_back(text):
                referring.append(text)
            elif referring:
                return Asked("\n\n".join([text, *reversed(referring)]), number)
            else:
                return Asked(text, number, message)
        # Only programs spoke: what they say in the name of the user is all there is.
        last = self._said[-1] if self._said else None
        return Asked("", 0) if last is None else Asked("\n".join(last.texts), 0, last.message)

    def _of_turn(self, index: int) -> tuple[str, object]:
        """Return what was asked in a turn: in its last message that asks anything."""
        turn = self._turns[index]
        for message in reversed(turn):
            text = self._of_message(message.texts)
            if text:
                return text, message.message
        return "", turn[-1].message

    def _of_message(self, texts: list[str]) -> str:
        if len(texts) == 1:
            (text,) = texts
            return "" if text.isspace() else asked_in(text)
        asked = [text for text in map(asked_in, texts) if text and not text.isspace()]
        return asked[-1] if asked and self._asks_last else "\n".join(asked)


class _Message(NamedTuple):
    message: object
    texts: list[str]


def read_transcript(
    body: Mapping[str, object], dialect: Dialect, *, asks_last: bool = False
) -> Transcript:
    """Read the conversation of a body. Any body is accepted; parts that are not valid are left out.

    Args:
        body: The body.
        dialect: Its format.
        asks_last: Whether only the last text of a message is what a human typed.
    """
    transcript = Transcript(asks_last=asks_last)
    if dialect is Dialect.RESPONSES:
        transcript.instruct(body.get("instructions"))
        _read_input(body.get("input"), transcript)
    else:
        transcript.instruct(body.get("system"))
        _read_messages(body.get("messages"), transcript)
    return transcript


def _read_messages(messages: object, transcript: Transcript) -> None:
    """Read the messages of a chat body or of Anthropic's format."""
    if isinstance(messages, str):
        transcript.say(messages, messages)
    for message in items(messages):
        if isinstance(message, Mapping):
            role, content = message.get("role"), message.get("content")
            if role == "user":
                _read_user(message, content, transcript)
            elif role == "assistant":
                transcript.answer()
            elif role in _RESULTS:
                transcript.result(message, content)
            elif role in _SYSTEM:
                transcript.instruct(content)


_RESULTS: Final = ("tool", "function")
_SYSTEM: Final = ("system", "developer")


def _read_user(message: Mapping[object, object], content: object, transcript: Transcript) -> None:
    """Read a message of the user, which may hold results of tools as well."""
    if isinstance(content, str):
        transcript.say(message, content)
        return
    others: list[object] = []
    parts = items(content)
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == "tool_result":
            transcript.result(part, part.get("content"))
        else:
            others.append(part)
    if others or not parts:
        transcript.say(message, others if parts else content)


def _read_input(given: object, transcript: Transcript) -> None:
    """Read the input of OpenAI's responses: a text, or items of many types."""
    if isinstance(given, str):
        transcript.say(given, given)
    for item in items(given):
        if isinstance(item, Mapping):
            kind = item.get("type", "message")
            if kind == "message":
                _read_messages([item], transcript)
            elif isinstance(kind, str) and kind.endswith("_output"):
                transcript.result(item, item.get("output"))
            elif isinstance(kind, str) and kind.endswith("_call"):
                transcript.answer()


def items(value: object) -> Sequence[object]:
    """Return a list or a tuple as it is, and anything else as an empty one."""
    return value if isinstance(value, list | tuple) else ()


def _texts(content: object) -> list[str]:
    """Return the texts of a content: itself, or those of its parts."""
    if isinstance(content, str):
        return [content]
    texts = [part.get("text") for part in items(content) if isinstance(part, Mapping)]
    return [text for text in texts if isinstance(text, str)]


def _has_media(content: object) -> bool:
    kinds = [part.get("type") for part in items(content) if isinstance(part, Mapping)]
    return any(isinstance(kind, str) and kind in NEED_OF_PART for kind in kinds)
