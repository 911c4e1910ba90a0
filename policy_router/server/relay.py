"""Passes a provider's events on unchanged, when it speaks the client's dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.dialect import Dialect
from policy_router.providers.routes import Route, route_of

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk

_WIRES: Final = MappingProxyType(
    {
        Route.OPENAI_WIRE: Dialect.CHAT,
        Route.ANTHROPIC_WIRE: Dialect.MESSAGES,
        Route.RESPONSES_WIRE: Dialect.RESPONSES,
    }
)
"""The dialect in which models are called that get the body of the client as it is."""
_ENDS: Final[Mapping[Dialect, bytes]] = MappingProxyType(
    {
        Dialect.CHAT: b"data: [DONE]\n\n",
        Dialect.MESSAGES: b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
    }
)
"""The event that ends a stream; where no chunk was made of it, it is not among the bytes."""
_STOP: Final = re.compile(rb'"type"\s*:\s*"message_stop"')
_BLANK: Final = (b"\n\n", b"\n\r\n", b"\r\r")
"""Empty lines, which end an event; some servers leave out the last."""
_NAME: Final = b"event:"
"""Anthropic's clients skip events without a name."""


def relays(model: Model, dialect: Dialect) -> bool:
    """Whether a model gets the bodies of clients of a dialect as they are."""
    return _WIRES.get(route_of(model)) is dialect


def relayed_answer(answer: ChatAnswer, dialect: Dialect) -> bytes | None:
    """Return the body of a provider to pass on; None where the answer is to be rewritten.

    Args:
        answer: The answer.
        dialect: The dialect of the client.
    """
    original = answer.original
    # Clients fail at a choice without a message; the answer as it is rewritten has one.
    readable = all(isinstance(choice.message.raw, Mapping) for choice in answer.choices)
    passes = original is not None and original.dialect is dialect and readable
    return original.data if passes and original is not None else None


class RelayedEvents:
    """The events of one answer, as long as they can be passed on.

    Once a chunk was changed or comes from another provider, the rest is rewritten.

    Args:
        dialect: The dialect of the client.
        holds: Whether any may be passed on.
    """

    def __init__(self, dialect: Dialect, *, holds: bool) -> None:
        self._dialect = dialect
        self._last = b""
        self._finished = False
        self.holds = holds
        """Whether all chunks were passed on so far."""

    def take(self, chunk: ChatChunk) -> bytes | None:
        """Take the next chunk; return the bytes to pass on, or None where there are none."""
        original = chunk.original
        self.holds = self.holds and original is not None and original.dialect is self._dialect
        if original is not None and self._dialect is Dialect.MESSAGES:
            self.holds = self.holds and (not original.data or _NAME in original.data)
        if not self.holds or original is None:
            return None
        self._finished = self._finished or chunk.finish_reason is not None
        if self._dialect is Dialect.MESSAGES and not chunk.choices and not self._finished:
            return b""  # the mark of the end, of an answer that has not ended
        self._last = original.data or self._last
        return original.data

    def end(self) -> bytes:
        """Return the end of the stream, as far as it was not passed on."""
        missing = b"\n\n" if self._last and not self._last.endswith(_BLANK) else b""
        return missing + (b"" if _STOP.search(self._last) else _ENDS.get(self._dialect, b""))
