"""Records feedback of a caller about an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.feedback import OF_PEOPLE
from policy_router.quoting import unknown
from policy_router.server.incoming import read_object
from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall
    from policy_router.server.identity.principal import Principal

_FIELDS: Final = ("decision", "score", "label", "user")


async def take_feedback(call: HttpCall) -> Response:
    """Keep the score of an answer: `{"decision": ID, "score": 0.2, "label": "wrong_language"}`.

    The source is the user of the key, or else the name of the key. A key may only judge answers to
    requests of its own tenant.
    """
    body = await read_object(call.request, call.settings)
    for name in body:
        if name not in _FIELDS:
            raise RefusedCallError(400, "unknown_field", unknown("field", name, _FIELDS))
    for name in ("decision", "score"):
        if name not in body:
            raise RefusedCallError(400, "missing_field", f"the body has no `{name}`")
    source = _source(call.principal, body)
    await call.router.afeedback(
        body["decision"],
        body["score"],
        label=body.get("label"),
        by=source,
        tenants=None if call.principal.admin else (call.principal.tenant,),
    )
    return json_reply({"decision": body["decision"], "score": body["score"], "by": source})


def _source(principal: Principal, body: dict[str, Any]) -> str:
    """Who or what judged the answer. The user that the body names counts only where the key may
    name users."""
    user = body.get("user")
    if not isinstance(user, str | None):
        raise RefusedCallError(400, "invalid_request", "`user` must be a string")
    if principal.names_user and user:
        return user
    return principal.user or principal.name or OF_PEOPLE
