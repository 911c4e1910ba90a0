"""The chunks of a stream as one answer, in the shape of an answer that came whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.chat import choices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.providers.chat import Usage

_TEXTS: Final = ("content", "reasoning_content", "refusal")


def joined(chunks: Iterable[Any], used: Usage) -> Any:
    """An object with `choices` (index, finish_reason, message) and `usage` (prompt_tokens,
    completion_tokens), for reading."""
    found: dict[int, _Choice] = {}
    for chunk in chunks:
        for part in choices(chunk):
            index = getattr(part, "index", None) or 0
            found.setdefault(index, _Choice(index)).add(part)
    usage = SimpleNamespace(prompt_tokens=used.tokens_in, completion_tokens=used.tokens_out)
    return SimpleNamespace(choices=[found[index].whole() for index in sorted(found)], usage=usage)


class _Choice:
    """One choice, as far as its pieces have come."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._finish: str | None = None
        self._texts: dict[str, str] = {}
        self._calls: dict[int, SimpleNamespace] = {}

    def add(self, part: Any) -> None:
        """Adds a chunk's choice."""
        delta = getattr(part, "delta", None)
        self._finish = self._finish or getattr(part, "finish_reason", None)
        for name in _TEXTS:
            piece = getattr(delta, name, None)
            if isinstance(piece, str):
                self._texts[name] = self._texts.get(name, "") + piece
        for call in getattr(delta, "tool_calls", None) or ():
            self._add_call(call)

    def _add_call(self, call: Any) -> None:
        """A tool call comes in pieces: its name with the first, its arguments over all of them."""
        function = SimpleNamespace(name="", arguments="")
        empty = SimpleNamespace(id=None, type="function", function=function)
        whole = self._calls.setdefault(_of(call, "index") or 0, empty)
        piece = _of(call, "function")
        whole.id = whole.id or _of(call, "id")
        whole.function.name += _of(piece, "name") or ""
        whole.function.arguments += _of(piece, "arguments") or ""

    def whole(self) -> SimpleNamespace:
        """The choice with its message."""
        calls = [self._calls[index] for index in sorted(self._calls)] or None
        texts = {name: self._texts.get(name) for name in _TEXTS}
        message = SimpleNamespace(role="assistant", tool_calls=calls, **texts)
        return SimpleNamespace(index=self._index, finish_reason=self._finish, message=message)


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
