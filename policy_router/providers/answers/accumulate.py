"""Puts the chunks of a stream together as one whole answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.providers.answers.chat import ChatAnswer, ChatChoice
from policy_router.providers.answers.message import AnswerMessage, FunctionCall, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.providers.answers.chat import ChatChunk, ChunkChoice, Usage


def join_chunks(chunks: Iterable[ChatChunk], usage: Usage | None) -> ChatAnswer:
    """Join the chunks of a stream into the whole answer.

    Args:
        chunks: All chunks of the stream, in order.
        usage: What the provider counted; None when it reported nothing.

    Returns:
        The answer; its `raw` is None, because no caller returned it.
    """
    choices: dict[int, _Choice] = {}
    first: ChatChunk | None = None
    for chunk in chunks:
        first = first or chunk
        for choice in chunk.choices:
            choices.setdefault(choice.index, _Choice()).add(choice)
    whole = tuple(choices[index].whole(index) for index in sorted(choices))
    if first is None:
        return ChatAnswer(whole, usage)
    return ChatAnswer(whole, usage, first.id, first.model, first.created)


class _Choice:
    """One choice, as far as its pieces have arrived."""

    def __init__(self) -> None:
        self._finish_reason: str | None = None
        self._native: str | None = None
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._function: FunctionCall | None = None

    def add(self, choice: ChunkChoice) -> None:
        """Adds what a chunk brings."""
        delta = choice.delta
        self._finish_reason = self._finish_reason or choice.finish_reason
        self._native = self._native or choice.native_finish_reason
        for pieces, piece in (
            (self._content, delta.content),
            (self._reasoning, delta.reasoning_content),
            (self._refusal, delta.refusal),
        ):
            if piece is not None:
                pieces.append(piece)
        for call in delta.tool_calls:
            index = call.index or 0
            earlier = self._calls.get(index, ToolCall())
            function = _continued(earlier.function, call.function)
            self._calls[index] = ToolCall(earlier.id or call.id, function, call.type)
        if delta.function_call is not None:
            self._function = _continued(self._function or FunctionCall(), delta.function_call)

    def whole(self, index: int) -> ChatChoice:
        """The choice with its message."""
        message = AnswerMessage(
            _joined(self._content),
            tuple(self._calls[number] for number in sorted(self._calls)),
            _joined(self._reasoning),
            _joined(self._refusal),
            self._function,
        )
        return ChatChoice(index, message, self._finish_reason, self._native)


def _continued(call: FunctionCall, piece: FunctionCall) -> FunctionCall:
    """A call arrives in pieces: its name with the first, its arguments over all of them."""
    return FunctionCall(call.name + piece.name, call.arguments + piece.arguments)


def _joined(pieces: list[str]) -> str | None:
    return "".join(pieces) if pieces else None
