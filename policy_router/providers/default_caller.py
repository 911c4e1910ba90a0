"""Calls each model in the way that the policy names: directly, or through LiteLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.connections import Connections
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.routes import Route, route_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.domain.models import Model
    from policy_router.providers.body import Body
    from policy_router.providers.caller import Caller, Chunks
    from policy_router.providers.chat import ChatAnswer


class DefaultCaller:
    """A Caller for every provider. Close it in the event loop that used it."""

    def __init__(self) -> None:
        """Make a caller; nothing is imported or opened until a model is called."""
        connections = Connections()
        self._callers: dict[Route, Caller] = {
            Route.LITELLM: LiteLLMCaller(),
            Route.OPENAI_WIRE: OpenAIWireCaller(connections),
            Route.ANTHROPIC_WIRE: AnthropicWireCaller(connections),
        }

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Do whatever is slow the first time that these models are called."""
        by_route: dict[Route, list[Model]] = {}
        for model in models:
            by_route.setdefault(route_of(model), []).append(model)
        for route, those in by_route.items():
            await self._callers[route].prepare(those)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        for caller in self._callers.values():
            await caller.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  see Caller
        """A whole answer. Raises CallFailed."""
        return await self._callers[route_of(model)].call(model, body, timeout)

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  as above
        """The chunks of an answer. Raises CallFailed, also while iterating."""
        return await self._callers[route_of(model)].stream(model, body, timeout)
