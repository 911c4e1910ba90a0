"""Calls LiteLLM for embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.litellm.library import (
    BY_SDK,
    FIXED,
    GRACE_SECONDS,
    client_for,
    ignore_its_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from policy_router.providers.http.wire import Wire

_RETRYING: Final = ("num_retries", "max_retries", "drop_params")


async def embed(
    litellm: Any,
    name: str,
    body: Mapping[str, Any],
    *,
    api_base: str | None,
    key: Callable[[str], str | None],
    http: Callable[[], httpx.AsyncClient],
    seconds: float,
    wire: Wire,
) -> Any:
    """One call for embeddings; it takes what `library.send` takes.

    Only the code for SDKs takes a client of ours here. Of the other parameters that are fixed for
    an answer, it would send on what it does not know.

    Returns:
        LiteLLM's EmbeddingResponse.
    """
    ignore_its_warnings()
    _, provider, known_key, known_base = litellm.get_llm_provider(name, api_base=api_base)
    own_key = key(provider)
    arguments: dict[str, Any] = {
        **body,
        **{fixed: FIXED[fixed] for fixed in _RETRYING},
        "model": name,
        "timeout": seconds + GRACE_SECONDS,
    }
    if "dimensions" in body:  # else it drops them for models that it does not know
        arguments["allowed_openai_params"] = ["dimensions"]
    if own_key is not None:
        arguments["api_key"] = own_key
    if api_base is not None:
        arguments["api_base"] = api_base
    if provider in BY_SDK:
        client = client_for(provider, own_key or known_key, api_base or known_base, http)
        if client is not None:
            arguments["client"] = client
            wire.watched = True
    return await litellm.aembedding(**arguments)
