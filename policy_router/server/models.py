"""Lists the names that a client may ask for, in the shape of OpenAI or of Anthropic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.server.model_names import FOR_CLAUDE, OfferedName, offered, unknown_name
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall

_OWNER: Final = "policy-router"
_CREATED: Final = "1970-01-01T00:00:00Z"
"""When a model was made is not known, and clients expect a date."""


async def list_models(call: HttpCall) -> Response:
    """Return every name that the caller may ask for."""
    names = _offered(call)
    if not _speaks_anthropic(call):
        return json_reply({"object": "list", "data": [_openai(each) for each in names]})
    return json_reply(
        {
            "data": [_anthropic(each) for each in names],
            "has_more": False,
            "first_id": names[0].name if names else None,
            "last_id": names[-1].name if names else None,
        }
    )


async def show_model(call: HttpCall) -> Response:
    """Return one name that the caller may ask for."""
    name = call.request.path_params["name"]
    for each in _offered(call):
        if each.name == name:
            return json_reply(_anthropic(each) if _speaks_anthropic(call) else _openai(each))
    raise unknown_name(call.router.policy, call.principal, name)


def _offered(call: HttpCall) -> list[OfferedName]:
    names = offered(call.router.policy, call.principal)
    if _speaks_anthropic(call) and names:
        names.insert(0, OfferedName(FOR_CLAUDE, names[0].title))
    return names


def _speaks_anthropic(call: HttpCall) -> bool:
    return "anthropic-version" in call.request.headers


def _openai(offer: OfferedName) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": offer.name,
        "object": "model",
        "created": 0,
        "owned_by": _OWNER,
        "name": offer.title,
    }
    if offer.context is not None:
        fields["context_length"] = offer.context
    if offer.tier is not None:
        fields["tier"] = offer.tier
    return fields


def _anthropic(offer: OfferedName) -> dict[str, Any]:
    return {
        "type": "model",
        "id": offer.name,
        "display_name": offer.title,
        "created_at": _CREATED,
    }
