"""The ways of calling a model, and which of them a policy names."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from policy_router.domain.models import Via
from policy_router.providers.openai_wire.endpoints import ENDPOINTS
from policy_router.providers.wire_body import provider_of

if TYPE_CHECKING:
    from policy_router.domain.models import Model

ANTHROPIC: Final = "anthropic"
"""The provider that is called in Anthropic's wire format."""


class Route(StrEnum):
    """A way of calling a model."""

    LITELLM = "litellm"
    OPENAI_WIRE = "openai_wire"
    ANTHROPIC_WIRE = "anthropic_wire"


DIRECT_PROVIDERS: Final = (ANTHROPIC, *ENDPOINTS)
"""The providers whose models can be called directly, by the first part of a LiteLLM name."""


def route_of(model: Model) -> Route:
    """The way a model is called: directly where the policy says so and it is possible."""
    if model.via is not Via.DIRECT:
        return Route.LITELLM
    provider = provider_of(model)
    if provider == ANTHROPIC:
        return Route.ANTHROPIC_WIRE
    return Route.OPENAI_WIRE if provider in ENDPOINTS else Route.LITELLM
