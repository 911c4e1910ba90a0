"""Reads a call for an answer: body, caller, requested model, hints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.classification.hosted import hosted_parts
from policy_router.clients.program import may_tell_session, read_program
from policy_router.clients.table import NAMES
from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.dialect import Dialect
from policy_router.domain.original import OriginalRequest
from policy_router.frozen import maker
from policy_router.providers.requests.original_body import OF_THE_POLICY
from policy_router.server import hints
from policy_router.server.dialects.neutral import NeutralRequest
from policy_router.server.dialects.translators import TRANSLATORS
from policy_router.server.incoming import read_object
from policy_router.server.model_names import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.options import RequestOptions
    from policy_router.server.call import HttpCall

_NOT_SENT: Final = frozenset({"messages", "user"})
"""Fields of the translated body that are no parameters of a call."""
_OWN: Final = frozenset({"user", "team", "tenant", "key", "metadata"})
"""Fields of a body that say who calls or what this server reads; of `metadata` the rest is sent."""
_RELAYED: Final[Mapping[Dialect, tuple[str, ...]]] = {
    Dialect.MESSAGES: ("anthropic-version", "anthropic-beta")
}
"""Headers that belong to a body, and go with it to a provider of the same dialect."""
_DECIDED: Final = OF_THE_POLICY - {"models", "stream"}
"""Fields that are left to the policy, besides those that have an effect here."""
_CONTROLS: Final = re.compile(
    r"""(api|base|proxy|organization|deployment)_?(base|url|key|version|type|id)?
    |.*(api_?key|api_?base|base_?url|_token|credentials?|password|secret.*)
    |.*_cost_per_.*|.*(retries|timeout|fallbacks?|callbacks?)|.*fallback_dict
    |(extra|default|litellm|mock|aws|azure|vertex|s3|langfuse)_.*|headers|custom_llm_provider|user_config
    |azure|model_(list|info|group)|guardrails|cache|caching|no-log|ssl_verify|client|logger_fn|tags|tokens
    |drop_params|allowed_openai_params|hf_model_name|prompt_id|user_continue_message""",
    re.VERBOSE | re.IGNORECASE,
)
"""Fields with which a body could change where, how, with which key or at which price a gateway
behind this one calls. They are not relayed even to a provider that gets the body as it is."""


@lru_cache(maxsize=1024)
def _controls(name: str) -> bool:
    return _CONTROLS.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """A call for an answer, or for the decision on one.

    Attributes:
        request: What the client asks for, in the chat format.
        messages: The conversation in that format.
        options: The identity of the caller, its hints and its chat parameters.
        policy: The name of the policy.
        withheld: Fields of the body that no provider is sent, in whatever dialect it is called.
        decides_only: Whether the client wants the decision in place of an answer.
        passes: Whether a provider that speaks the client's dialect gets the body as it is, and its
            answer goes back as it is.
    """

    request: NeutralRequest
    messages: Any
    options: RequestOptions
    policy: str
    withheld: tuple[str, ...]
    decides_only: bool
    passes: bool


_new_call: Final = maker(AnswerCall)


async def read_call(
    call: HttpCall, dialect: Dialect, *, without_messages: bool = False
) -> AnswerCall:
    """Read a call for an answer.

    Args:
        call: The call.
        dialect: The format of its body.
        without_messages: Whether the body may leave out the conversation.

    Raises:
        UsageError: It cannot be answered, whatever the policy says.
        ClientDisconnect: The client closed the connection.
    """
    body = await read_object(call.request, call.settings)
    return call_of_body(call, dialect, body, without_messages=without_messages)


def call_of_body(
    call: HttpCall, dialect: Dialect, body: dict[str, Any], *, without_messages: bool = False
) -> AnswerCall:
    """Return a call for an answer whose body is read.

    Args:
        call: The call.
        dialect: The format of the body.
        body: The body.
        without_messages: Whether it may leave out the conversation.

    Raises:
        UsageError: It cannot be answered, whatever the policy says.
    """
    policy = call.router.policy
    received = call.request.headers.items()
    headers = dict(reversed(received))  # of one that is sent twice, the first counts
    if without_messages and not body.get("messages"):
        request = NeutralRequest(dialect, body.get("model") or "", stream=False, body={})
    else:
        request = TRANSLATORS[dialect].read_request(body)
    stated = hints.read_hints(received, body.get("metadata"))
    wanted = resolve(policy, call.principal, request.model)
    hints.state_task(stated, wanted.task)
    decides_only = stated.pop("dry_run", False)
    options = hints.options_of(call.principal, stated)
    if wanted.model != ANY_MODEL or policy.alias(ANY_MODEL) is not None:
        options["model"] = wanted.model
    user = body.get("user")
    if call.principal.names_user and isinstance(user, str) and user:
        options["user"] = user
    options["headers"] = {name: value for name, value in received if name in NAMES}
    if options.get("session") is None and may_tell_session(body):
        # Read from the body as it came: its translation has no place for a session.
        program = read_program(options["headers"], body)
        if program.session is not None:
            options["session"] = program.session
    if request.needs_original:
        # What the translation leaves out is run or kept by the provider of the client's dialect.
        options["needs"] = [*(options.get("needs") or ()), HOSTED_TOOLS]
    # OpenAI refuses long names of tools, which only the translation shortens.
    passes = bool(request.body) and not (dialect is Dialect.CHAT and request.tools)
    if passes:
        sent = {name: headers[name] for name in _RELAYED.get(dialect, ()) if name in headers}
        options["original"] = OriginalRequest(dialect, _without_own(body), sent)
    parameters = request.body.items()
    options["extra_body"] = {name: value for name, value in parameters if name not in _NOT_SENT}
    withheld = tuple(
        name
        for name, value in body.items()
        if _controls(name) or (name in _DECIDED and value is not None)
    )
    # Where the translation has such a part, too, the request needs `hosted_tools`.
    is_needed = HOSTED_TOOLS in (options.get("needs") or ())
    if not is_needed and not hosted_parts(request.body, Dialect.CHAT):
        withheld += hosted_parts(body, dialect)
    messages = request.body.get("messages", ())
    return _new_call(request, messages, options, policy.name, withheld, decides_only, passes)


def _without_own(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body for a provider that gets it as it is: without control of a gateway, without the
    hints, and without the user, who is known to this server only."""
    kept = {name: value for name, value in body.items() if name not in _OWN and not _controls(name)}
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        rest = {name: value for name, value in metadata.items() if name not in hints.HINTS}
        if rest:
            kept["metadata"] = rest
    return kept
