"""Makes embeddings over HTTP, in the format of OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from policy_router.clients.table import NAMES
from policy_router.domain.aliases import ANY_MODEL
from policy_router.server import answer_headers, hints
from policy_router.server.dialects.embeddings import read_embeddings, write_embeddings
from policy_router.server.incoming import read_object
from policy_router.server.model_names import resolve
from policy_router.server.replies import json_reply, while_connected
from policy_router.server.trace import FIELD, history, wants_trace

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.options import EmbeddingOptions
    from policy_router.server.call import HttpCall


async def embed(call: HttpCall) -> Response:
    """Return an embedding for each input of a body."""
    policy = call.router.policy
    body = await read_object(call.request, call.settings)
    request = read_embeddings(body)
    headers = call.request.headers
    stated = hints.read_hints(headers.items(), body.get("metadata"))
    decides_only = stated.pop("dry_run", False)
    wanted = resolve(policy, call.principal, request.model)
    hints.state_task(stated, wanted.task)
    options: dict[str, Any] = dict(hints.options_of(call.principal, stated))
    if wanted.model != ANY_MODEL or policy.alias(ANY_MODEL) is not None:
        options["model"] = wanted.model
    user = body.get("user")
    if call.principal.names_user and isinstance(user, str) and user:
        options["user"] = user
    options["headers"] = {name: value for name, value in headers.items() if name in NAMES}
    options["dimensions"] = request.dimensions
    options["encoding_format"] = request.format
    inputs: Any = list(request.inputs)  # texts and lists of numbers, each checked by now
    with while_connected(call.request.scope, call.request.receive):
        if decides_only:
            decision = await call.router.aroute_embedding(
                inputs, **cast("EmbeddingOptions", options)
            )
            return json_reply(
                decision.as_dict(), headers=answer_headers.of_decision(policy.name, decision)
            )
        made = await call.router.aembedding(inputs, **cast("EmbeddingOptions", options))
    answer_head = {
        **answer_headers.of_decision(policy.name, made.decision),
        **answer_headers.of_answer(made.served_by, made.attempts, whole=True),
        **answer_headers.of_ignored(request.dropped),
    }
    answer = write_embeddings(made.response, made.model or made.served_by)
    if wants_trace(headers):
        answer[FIELD] = history(made.decision, made.attempts)
    return json_reply(answer, headers=answer_head)
