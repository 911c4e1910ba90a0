"""Reads a call for an answer: the body, who asks, what is asked for, and the hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.clients.table import NAMES
from policy_router.domain.aliases import ANY_MODEL
from policy_router.providers.body import PARAMETERS
from policy_router.server import hints
from policy_router.server.incoming import read_body, read_json
from policy_router.server.model_names import resolve
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from policy_router.options import RequestOptions
    from policy_router.server.call import HttpCall

_SENT: Final = PARAMETERS - {"messages", "user"}
"""Fields of a body that a provider may get. Everything else stays here."""
_READ: Final = frozenset({"messages", "model", "stream", "metadata", "user"})
"""Fields that the server itself reads."""


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """A call for an answer, or for the decision on one.

    Attributes:
        messages: The conversation, as the client sent it.
        stream: Whether it wants the answer as a stream.
        options: The identity of the caller, its hints and its chat parameters.
        ignored: Fields of the body that were left out.
    """

    messages: Any
    stream: bool
    options: RequestOptions
    ignored: frozenset[str]


async def read_call(call: HttpCall) -> AnswerCall:
    """Read a call in the format of OpenAI's chat completions.

    Raises:
        RefusedCallError: It cannot be answered, whatever the policy says.
        ClientDisconnect: The client closed the connection.
    """
    body = read_json(await read_body(call.request, call.settings), call.settings)
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise RefusedCallError(400, "invalid_request", "`stream` must be true or false")
    headers = call.request.headers
    stated = hints.read_hints(headers, body.get("metadata"))
    wanted = resolve(call.router.policy, call.principal, body.get("model"))
    if wanted.task is not None:
        stated.setdefault("task", wanted.task)
    options = hints.options_of(call.principal, stated)
    if wanted.model != ANY_MODEL or call.router.policy.alias(ANY_MODEL) is not None:
        options["model"] = wanted.model
    user = body.get("user")
    if call.principal.names_user and isinstance(user, str) and user:
        options["user"] = user
    options["headers"] = {name: headers[name] for name in NAMES if name in headers}
    options["extra_body"] = {name: body[name] for name in _SENT if body.get(name) is not None}
    return AnswerCall(body.get("messages"), bool(stream), options, frozenset(body) - _SENT - _READ)
