"""Loads models into the memory of local servers, and unloads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.discovery.fetch import fetching, in_time
from policy_router.discovery.served import SourceError
from policy_router.discovery.source_places import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.discovery.query_sources import SourcePlace
    from policy_router.domain.models import Model

WITHIN: Final = 600.0
"""Seconds that loading may take: weights of hundreds of gigabytes come from a disk."""


def memory_place(model: Model, environ: Mapping[str, str]) -> SourcePlace:
    """Return the server that keeps a model in memory.

    Args:
        model: The model.
        environ: The environment variables, with addresses.

    Raises:
        SourceError: Its server cannot load models on request.
    """
    place = place_of(model, environ)
    if place is None or place.source.load is None:
        raise SourceError(
            "it does not run at Ollama, LM Studio or vLLM: call it by `ollama_chat/`, `lm_studio/` "
            "or `hosted_vllm/`"
        )
    return place


async def set_loaded(
    model: Model, environ: Mapping[str, str], *, loaded: bool, within: float = WITHIN
) -> SourcePlace:
    """Put a model into memory, or let it go.

    Args:
        model: The model.
        environ: The environment variables, with addresses.
        loaded: Whether it is to be in memory.
        within: Seconds that this may take.

    Returns:
        The server that did it.

    Raises:
        SourceError: It did not.
    """
    place = memory_place(model, environ)
    act = place.source.load if loaded else place.source.unload
    name = model.provider_model.partition("/")[2]

    async def work() -> None:
        async with fetching(place.base, {}) as server:
            if act is not None:
                await act(server, name)

    try:
        await in_time(within, work())
    except SourceError as error:
        remedy = f"; {place.source.load_help}" if place.source.load_help else ""
        raise SourceError(f"{place.base}: {error.reason}{remedy}") from None
    return place
