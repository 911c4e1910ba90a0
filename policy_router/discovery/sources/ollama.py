"""Ollama: `/api/tags` lists models, `/api/show` says what each can do, `/api/ps` what is loaded."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.discovery.served import (
    ServedModel,
    SourceError,
    is_chat_name,
    part,
    rows_of,
    texts,
    tokens,
)

if TYPE_CHECKING:
    from policy_router.discovery.fetch import SourceFetcher

_MOST_SHOWN: Final = 64
"""Models that are asked for one by one."""
_ABILITIES: Final = {"tools": "tools", "vision": "vision", "thinking": "reasoning"}
_CONTEXT: Final = re.compile(r"^num_ctx\s+([0-9]{1,9})\s*$", re.MULTILINE)


def read_tags(answer: Any) -> list[ServedModel]:
    """Read the answer of `/api/tags`. Raises SourceError."""
    return [
        ServedModel(row["name"], elsewhere=_is_elsewhere(row))
        for row in rows_of(answer, "models")
        if is_chat_name(row.get("name"))
    ]


def _is_elsewhere(row: dict[str, Any]) -> bool:
    return bool(row.get("remote_host")) or row["name"].endswith((":cloud", "-cloud"))


def read_loaded(answer: Any) -> dict[str, int | None]:
    """Read the answer of `/api/ps`: the models in memory, each with its context."""
    rows = rows_of(answer, "models")
    return {str(row.get("name")): tokens(row.get("context_length")) for row in rows}


def with_details(model: ServedModel, answer: Any) -> ServedModel:
    """Add what `/api/show` says about a model; None for a model that does not chat is returned as
    it is, without abilities.
    """
    if not isinstance(answer, dict):
        return model
    info = part(answer, "model_info")
    longest = (tokens(info[key]) for key in info if str(key).endswith(".context_length"))
    set_context = _CONTEXT.search(str(answer.get("parameters") or ""))
    capabilities = texts(answer.get("capabilities"))
    can = {"json", *(_ABILITIES[each] for each in capabilities if each in _ABILITIES)}
    return replace(
        model,
        longest=next(longest, None),
        context=model.context or (tokens(int(set_context[1])) if set_context else None),
        abilities=frozenset(can) if capabilities else None,
        elsewhere=model.elsewhere or bool(answer.get("remote_host")),
    )


def is_for_chat(answer: Any) -> bool:
    """Whether `/api/show` describes a model that completes text."""
    capabilities = texts(answer.get("capabilities")) if isinstance(answer, dict) else frozenset()
    return not capabilities or "completion" in capabilities


async def list_models(server: SourceFetcher) -> list[ServedModel]:
    """Ask a server. Raises SourceError."""
    listed = read_tags(await server.get("/api/tags"))
    try:
        loaded = read_loaded(await server.get("/api/ps"))
    except SourceError:
        loaded = {}
    at_once = asyncio.Semaphore(4)

    async def detailed(model: ServedModel) -> ServedModel | None:
        here = model.name in loaded
        model = replace(
            model, loaded=here, context=loaded.get(model.name), free=not model.elsewhere
        )
        try:
            async with at_once:
                answer = await server.post("/api/show", {"model": model.name})
        except SourceError:
            return model  # an older Ollama, or a model that was deleted in the meantime
        return with_details(model, answer) if is_for_chat(answer) else None

    shown = await asyncio.gather(*map(detailed, listed[:_MOST_SHOWN]))
    return [*(each for each in shown if each is not None), *listed[_MOST_SHOWN:]]


async def load(server: SourceFetcher, name: str) -> None:
    """Put a model into memory, for as long as the server keeps it. Raises SourceError."""
    await server.post("/api/generate", {"model": name})


async def is_loaded(server: SourceFetcher, name: str) -> bool:
    """Whether a model is in memory. Raises SourceError."""
    loaded = read_loaded(await server.get("/api/ps"))
    return name in loaded or f"{name}:latest" in loaded


async def keep(server: SourceFetcher, name: str, seconds: float) -> None:
    """Keep a model in memory for some time from now. Raises SourceError."""
    await server.post("/api/generate", {"model": name, "keep_alive": round(seconds)})


async def unload(server: SourceFetcher, name: str) -> None:
    """Let a model go. Raises SourceError."""
    await server.post("/api/generate", {"model": name, "keep_alive": 0})
