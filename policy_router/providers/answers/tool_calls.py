"""Distinguishes the tool calls of a stream where a provider gives all the same index, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatChunk, ChunkChoice
    from policy_router.providers.answers.message import ToolCall


@dataclass(slots=True)
class _Call:
    """A tool call, as far as it has arrived. number: the index that it gets."""

    number: int
    id: str | None = None
    name: str = ""
    arguments: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it could be all there."""
        try:
            json.loads(self.arguments)
        except (ValueError, RecursionError):
            return False
        return bool(self.name)

    def add(self, piece: ToolCall) -> None:
        """Takes the next piece of it."""
        self.id = self.id or piece.id or None
        self.name = self.name or piece.function.name
        self.arguments += piece.function.arguments

    def goes_on_with(self, piece: ToolCall) -> bool:
        """Whether a piece under the same index belongs to this call."""
        if not piece.function.name and piece.type == "function":
            return True  # some servers give each piece of one call an id of its own
        if piece.id and self.id:
            return piece.id == self.id
        return not (piece.function.arguments and self.is_whole)


class ToolCalls:
    """The tool calls of one stream."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int | None], _Call] = {}
        self._count: dict[int, int] = {}

    def number(self, chunk: ChatChunk) -> ChatChunk:
        """The chunk with an index of its own for each tool call.

        A name with another id begins another call. So does, where there are no ids, a name with
        arguments when the arguments of the call before it are complete.
        """
        if not any(choice.delta.tool_calls for choice in chunk.choices):
            return chunk
        choices = tuple(map(self._numbered, chunk.choices))
        if choices == chunk.choices:
            return chunk
        return replace(chunk, choices=choices, original=None)

    def _numbered(self, choice: ChunkChoice) -> ChunkChoice:
        pieces = tuple(
            replace(piece, index=self._call(choice.index, piece).number)
            for piece in choice.delta.tool_calls
        )
        return replace(choice, delta=replace(choice.delta, tool_calls=pieces))

    def _call(self, choice: int, piece: ToolCall) -> _Call:
        key = choice, piece.index
        call = self._open.get(key)
        if call is None or not call.goes_on_with(piece):
            number = self._count.get(choice, 0)
            self._count[choice] = number + 1
            call = self._open[key] = _Call(number)
        call.add(piece)
        return call
