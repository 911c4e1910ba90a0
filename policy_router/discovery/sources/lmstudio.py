"""LM Studio: `/api/v1/models`, and `/api/v0/models` or the list of OpenAI's API in older ones."""

from __future__ import annotations

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
from policy_router.discovery.sources.compatible import read_models

if TYPE_CHECKING:
    from policy_router.discovery.fetch import SourceFetcher

_CHAT: Final = ("llm", "vlm", None)
"""Types of models that chat."""


def read_v1(answer: Any) -> list[ServedModel]:
    """Read the answer of `/api/v1/models`. Raises SourceError."""
    return [
        _of_v1(row)
        for row in rows_of(answer, "models")
        if is_chat_name(row.get("key")) and row.get("type") in _CHAT
    ]


def _of_v1(row: dict[str, Any]) -> ServedModel:
    instances = row.get("loaded_instances")
    loaded = [each for each in instances if isinstance(each, dict)] if instances else []
    contexts = [tokens(part(each, "config").get("context_length")) for each in loaded]
    can = part(row, "capabilities")
    abilities = {"json"}
    abilities |= {"tools"} if can.get("trained_for_tool_use") is True else set()
    abilities |= {"vision"} if can.get("vision") is True else set()
    return ServedModel(
        row["key"],
        context=min((each for each in contexts if each), default=None),
        longest=tokens(row.get("max_context_length")),
        abilities=frozenset(abilities) if can else None,
        free=True,
        loaded=bool(loaded),
    )


def read_v0(answer: Any) -> list[ServedModel]:
    """Read the answer of `/api/v0/models`. Raises SourceError."""
    return [
        _of_v0(row)
        for row in rows_of(answer, "data")
        if is_chat_name(row.get("id")) and row.get("type") in _CHAT
    ]


def _of_v0(row: dict[str, Any]) -> ServedModel:
    can = texts(row.get("capabilities"))
    abilities = {"json"}
    abilities |= {"tools"} if "tool_use" in can else set()
    abilities |= {"vision"} if row.get("type") == "vlm" else set()
    return ServedModel(
        row["id"],
        context=tokens(row.get("loaded_context_length")),
        longest=tokens(row.get("max_context_length")),
        abilities=frozenset(abilities) if row.get("type") else None,
        free=True,
        loaded=None if "state" not in row else row["state"] == "loaded",
    )


async def list_models(server: SourceFetcher) -> list[ServedModel]:
    """Ask a server. Raises SourceError."""
    for path, read in (("/api/v1/models", read_v1), ("/api/v0/models", read_v0)):
        try:
            return read(await server.get(path))
        except SourceError:
            continue  # an older LM Studio
    return read_models(await server.get("/v1/models"), free=True)


async def load(server: SourceFetcher, name: str) -> None:
    """Put a model into memory. Raises SourceError."""
    await server.post("/api/v1/models/load", {"model": name})


async def is_loaded(server: SourceFetcher, name: str) -> bool:
    """Whether a model is in memory. Raises SourceError."""
    models = read_v1(await server.get("/api/v1/models"))
    return any(each.loaded for each in models if each.name == name)


async def unload(server: SourceFetcher, name: str) -> None:
    """Let every loaded instance of a model go. Raises SourceError."""
    for row in rows_of(await server.get("/api/v1/models"), "models"):
        if row.get("key") != name:
            continue
        for instance in row.get("loaded_instances") or ():
            if isinstance(instance, dict) and isinstance(instance.get("id"), str):
                await server.post("/api/v1/models/unload", {"instance_id": instance["id"]})
