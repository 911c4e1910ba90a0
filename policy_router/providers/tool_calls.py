"""Tells the tool calls of a stream apart where a provider gives all of them one index, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from policy_router.providers.chat import choices, field


@dataclass(slots=True)
class _Call:
    """A tool call as far as it has come. number: the index that it goes by."""

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


class ToolCalls:
    """The tool calls of one stream."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int | None], _Call] = {}
        self._count: dict[int, int] = {}

    def number(self, chunk: Any) -> None:
        """Gives each tool call of a chunk an index of its own. A name under another id begins
        another call, and so does, without ids, a name with arguments when those of the last call
        are whole."""
        for choice in choices(chunk):
            index = field(choice, "index") or 0
            for piece in field(field(choice, "delta"), "tool_calls") or ():
                call = self._call(index, piece)
                function = field(piece, "function")
                call.id = call.id or field(piece, "id") or None
                call.name = call.name or field(function, "name") or ""
                call.arguments += field(function, "arguments") or ""
                _set_index(piece, call.number)

    def _call(self, choice: int, piece: Any) -> _Call:
        place = choice, field(piece, "index")
        call = self._open.get(place)
        if call is None or _is_new(call, piece):
            number = self._count.get(choice, 0)
            self._count[choice] = number + 1
            call = self._open[place] = _Call(number)
        return call


def _is_new(call: _Call, piece: Any) -> bool:
    function = field(piece, "function")
    if not field(function, "name"):
        return False  # some servers give each piece of one call an id of its own
    said = field(piece, "id")
    if said and call.id:
        return bool(said != call.id)
    return bool(field(function, "arguments")) and call.is_whole


def _set_index(piece: Any, number: int) -> None:
    if isinstance(piece, dict):
        piece["index"] = number
    else:
        piece.index = number
