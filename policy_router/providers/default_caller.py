"""Calls each model directly or through LiteLLM, as `routes` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.models import Via
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.failures.failure import CallFailed, FailureKind
from policy_router.providers.http.connections import Connections
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.responses_wire.caller import ResponsesWireCaller
from policy_router.providers.routes import Route, embedding_route, route_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.caller import Caller, Chunks
    from policy_router.providers.failures.failure import Failure
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody


class DefaultCaller:
    """A Caller for every provider. Close it in the event loop that used it."""

    def __init__(self, litellm: Caller | None = None) -> None:
        """Make a caller; nothing is imported or opened until a model is called.

        Args:
            litellm: Calls what cannot be called directly. Default: LiteLLM.
        """
        connections = Connections()
        self._callers: dict[Route, Caller] = {
            Route.LITELLM: LiteLLMCaller() if litellm is None else litellm,
            Route.OPENAI_WIRE: OpenAIWireCaller(connections),
            Route.ANTHROPIC_WIRE: AnthropicWireCaller(connections),
            Route.RESPONSES_WIRE: ResponsesWireCaller(connections),
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
        try:
            return await self._caller(model, body).call(model, body, timeout)
        except CallFailed as failed:
            if not _left_to_litellm(model, failed.failure):
                raise
        return await self._callers[Route.LITELLM].call(model, body, timeout)

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  as above
        """The chunks of an answer. Raises CallFailed, also while iterating."""
        try:
            return await self._caller(model, body).stream(model, body, timeout)
        except CallFailed as failed:
            if not _left_to_litellm(model, failed.failure):
                raise
        return await self._callers[Route.LITELLM].stream(model, body, timeout)

    async def embed(self, model: Model, body: EmbeddingBody, timeout: float) -> EmbeddingAnswer:  # noqa: ASYNC109  as above
        """Embeddings. Raises CallFailed."""
        return await self._callers[embedding_route(model)].embed(model, body, timeout)

    def _caller(self, model: Model, body: Body) -> Caller:
        return self._callers[route_of(model, body.parameters)]


def _left_to_litellm(model: Model, failure: Failure) -> bool:
    """Whether the direct caller sent nothing, because its format cannot express the request."""
    unsupported = failure.kind is FailureKind.UNSUPPORTED and not failure.sent
    return unsupported and model.via is Via.AUTO and route_of(model) is not Route.LITELLM
