"""Makes requests of what clients of the Responses API sent, for models that speak it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from policy_router.providers.failures.http_answer import CAPS
from policy_router.providers.requests.effort import EFFORT, with_effort
from policy_router.providers.requests.original_body import kept_fields
from policy_router.providers.requests.packed_reasoning import OPENAI, unpack
from policy_router.providers.requests.reasoning_origin import ORIGIN
from policy_router.providers.requests.system_text import with_instructions
from policy_router.providers.requests.wire_body import provider_of
from policy_router.providers.responses_wire.request import text_of

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.domain.original import OriginalRequest
    from policy_router.providers.requests.body import Body


def responses_body(original: OriginalRequest, body: Body, model: Model) -> dict[str, Any]:
    """The body of a request.

    Args:
        original: The client's request, in the dialect of the Responses API.
        body: What the policy sets.
        model: The model that is called.
    """
    sent = kept_fields(original)
    if isinstance(sent.get("input"), list):
        sent["input"] = [item for item in sent["input"] if not _is_foreign(item)]
    if body.prompt is not None:
        sent = with_instructions(sent, body.prompt)
    given = body.set_by_policy
    sent |= {name: given[name] for name in ("temperature", "top_p") if name in given}
    if sent.get("tools"):
        sent |= {
            name: given[name] for name in ("tool_choice", "parallel_tool_calls") if name in given
        }
    written = text_of(given)
    if written:
        text = sent.get("text")
        sent["text"] = {**(text if isinstance(text, Mapping) else {}), **written}
    for cap in CAPS:
        if cap in given:
            sent["max_output_tokens"] = given[cap]
    if EFFORT in given:
        reasoning = sent.get("reasoning")
        effort = with_effort(body.parameters, provider_of(model), model).get(EFFORT)
        kept = reasoning if isinstance(reasoning, Mapping) else {}
        sent["reasoning"] = {**kept, "effort": effort}
    return sent


def _is_foreign(item: object) -> bool:
    """Whether an item is the reasoning of a model of another provider."""
    if not isinstance(item, Mapping) or item.get("type") != "reasoning":
        return False
    sealed = item.get("encrypted_content")
    if not isinstance(sealed, str):
        return False
    block = unpack(sealed)
    return block is None or block[ORIGIN] != OPENAI
