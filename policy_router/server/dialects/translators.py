"""The translators of all dialects, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.server.dialects import errors
from policy_router.server.dialects.chat import answer as chat_answer
from policy_router.server.dialects.chat import request as chat_request
from policy_router.server.dialects.chat import stream as chat_stream
from policy_router.server.dialects.messages import answer as messages_answer
from policy_router.server.dialects.messages import request as messages_request
from policy_router.server.dialects.messages import stream as messages_stream
from policy_router.server.dialects.responses import answer as responses_answer
from policy_router.server.dialects.responses import request as responses_request
from policy_router.server.dialects.responses import stream as responses_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.server.dialects.events import StreamWriter
    from policy_router.server.dialects.neutral import Envelope, ErrorNotice, NeutralRequest

COMMENT: Final = b": ping\n\n"
"""Keeps a stream open while a model says nothing; every client skips it."""


@dataclass(frozen=True, slots=True)
class Translator:
    """What translates one dialect.

    Attributes:
        read_request: Reads a body; raises InvalidBodyError.
        write_answer: Writes a whole answer.
        open_stream: Gives the writer of a stream.
        write_error: Writes an error.
        ping: Keeps a stream open while a model says nothing.
    """

    read_request: Callable[[object], NeutralRequest]
    write_answer: Callable[[ChatAnswer, NeutralRequest, Envelope], dict[str, Any]]
    open_stream: Callable[[NeutralRequest, Envelope], StreamWriter]
    write_error: Callable[[ErrorNotice], dict[str, Any]]
    ping: bytes = COMMENT


TRANSLATORS: Final[Mapping[Dialect, Translator]] = MappingProxyType(
    {
        Dialect.CHAT: Translator(
            chat_request.read_request,
            chat_answer.write_answer,
            chat_stream.open_stream,
            errors.openai_error,
        ),
        Dialect.MESSAGES: Translator(
            messages_request.read_request,
            messages_answer.write_answer,
            messages_stream.open_stream,
            errors.anthropic_error,
            messages_stream.PING.encode(),
        ),
        Dialect.RESPONSES: Translator(
            responses_request.read_request,
            responses_answer.write_answer,
            responses_stream.open_stream,
            errors.openai_error,
        ),
    }
)
"""The translators, by dialect."""
