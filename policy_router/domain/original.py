"""Requests, answers and errors exactly as they were sent and received.

If a client and a model use the same dialect, the server forwards their messages without
translation:

    original = OriginalRequest(Dialect.MESSAGES, body, headers)
    answer = await router.acompletion(messages, original=original, **options)
    sent_back = answer.response.original
    if sent_back is not None and sent_back.dialect is original.dialect:
        return sent_back.data

- The way in: an `OriginalRequest` alongside the typed request. A model that is called directly, in
  the client's dialect, gets the client's body: only `model`, `stream`, and what the policy sets for
  the model are changed. Every other model gets the typed request.
- The way out: `original` of an answer or a chunk, the bytes as the model sent them. The bytes of
  all chunks in order are the stream up to its last chunk, comments included. Its end may not be
  among them (`data: [DONE]` never is). A chunk without `original` was changed or created here, and
  has to be serialized again.
- Errors: `original` of BadRequestError and AllModelsFailedError, where a model that is called
  directly answered with an error status.

None of these values is ever logged or part of an event: they hold prompts and answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.dialect import Dialect

LARGEST_ERROR: Final = 64 * 1024
"""Maximum size of an error body that is kept, in bytes; a larger one is dropped entirely."""


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """A request as the client sent it.

    Attributes:
        dialect: The format of the body.
        body: The body, parsed as JSON.
        headers: The headers that belong to the body and are sent with it, such as `anthropic-beta`.
            The server chooses them; those of the connection or with credentials are never sent.
    """

    dialect: Dialect
    body: Mapping[str, object] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class OriginalAnswer:
    """An answer, or a part of a stream, as the model sent it.

    Attributes:
        dialect: The format of the data.
        data: The bytes: a whole body, or server-sent events with the empty lines that end them.
            They are not compressed.
    """

    dialect: Dialect
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OriginalError:
    """An error as the model's server sent it.

    Errors about the keys and accounts of the policy, and those that repeat a key, are never kept:
    they are not the client's.

    Attributes:
        dialect: The format that the model is called in; the body may be in any format.
        status: The HTTP status, 400 or more.
        headers: The headers by their lower-case names, without those of the connection.
        body: The body, at most `LARGEST_ERROR` bytes.
    """

    dialect: Dialect
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
