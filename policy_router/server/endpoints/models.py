"""Lists the names that a client may ask for, in the shape of OpenAI or of Anthropic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.server.dialects.listings import (
    ListedModel,
    anthropic_model,
    anthropic_models,
    openai_model,
    openai_models,
)
from policy_router.server.model_names import FOR_CLAUDE, offered, unknown_name
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall


async def list_models(call: HttpCall) -> Response:
    """Return every name that the caller may ask for."""
    write = anthropic_models if _speaks_anthropic(call) else openai_models
    return json_reply(write(_offered(call)))


async def show_model(call: HttpCall) -> Response:
    """Return one name that the caller may ask for."""
    name = call.request.path_params["name"]
    write = anthropic_model if _speaks_anthropic(call) else openai_model
    for each in _offered(call):
        if each.id == name:
            return json_reply(write(each))
    raise unknown_name(call.router.policy, call.principal, name)


def _offered(call: HttpCall) -> list[ListedModel]:
    names = offered(call.router.policy, call.principal)
    if _speaks_anthropic(call) and names:
        names.insert(0, ListedModel(FOR_CLAUDE, names[0].title))
    return names


def _speaks_anthropic(call: HttpCall) -> bool:
    return "anthropic-version" in call.request.headers
