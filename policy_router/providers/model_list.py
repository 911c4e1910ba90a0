"""Asks a provider which models it has, over the same address, key and connections as calls."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from policy_router.providers.anthropic_wire.caller import destination_of as anthropic_destination
from policy_router.providers.openai_wire.caller import destination_of as openai_destination
from policy_router.providers.requests.wire_body import provider_of, wire_name
from policy_router.providers.routes import ANTHROPIC, DIRECT_PROVIDERS, SENDS_ITS_KEY

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.direct import Destination
    from policy_router.providers.http.connections import Connections

_LARGEST: Final = 16 << 20
"""Bytes of one page; a longer one is no list of models."""
_PAGES: Final = 20
"""The most pages that are read."""
_SUCCESS: Final = 200
_OLLAMA: Final = "ollama"
"""LiteLLM's name for Ollama's older API; the same server lists its models like `ollama_chat`."""
_VARIANT: Final = re.compile(r":(?:nitro|floor|online|exacto)$")
"""Ends of names by which OpenRouter chooses among the providers of one model."""
_DATE: Final = re.compile(r"-\d{8}$|-\d{4}-\d\d-\d\d$")


class ListRefusedError(Exception):
    """A server answered with something else than a list of models.

    Attributes:
        status: The HTTP status; 200 where the body is no list of models.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that a server lists.

    Attributes:
        names: Their names at the provider.
        complete: Whether there are no further pages.
    """

    names: tuple[str, ...]
    complete: bool = True

    def has(self, name: str) -> bool:
        """Whether a name means one of the models, by itself or as an alias of a dated one."""
        if name in self.names:
            return True
        bare = _VARIANT.sub("", name)
        beginning = bare.removesuffix("-latest")
        return any(
            listed in (bare, f"{bare}:latest")
            or (listed != name and _DATE.sub("", listed) == beginning)
            for listed in self.names
        )


def lists_models(model: Model) -> bool:
    """Whether the server of a model can be asked for a list with what the policy says.

    LiteLLM sends the own key of some providers to an address that the policy states. Nothing else
    in this package does, so their servers are not asked.
    """
    provider = provider_of(_as_chat(model))
    keyless = model.has_own_address and model.api_key_env is None and provider in SENDS_ITS_KEY
    return provider in DIRECT_PROVIDERS and not keyless


def list_destination(model: Model) -> Destination:
    """Where the models of a provider are listed. Raises CallFailed when that cannot be said."""
    model = _as_chat(model)
    if provider_of(model) == ANTHROPIC:
        found = anthropic_destination(model)
        return replace(found, address=f"{found.address}/models?limit=1000")
    found = openai_destination(model)
    return replace(found, address=f"{found.address}/models")


def listed_name(model: Model) -> str:
    """The name by which its provider lists a model."""
    return wire_name(model).removeprefix("responses/")


async def list_models(connections: Connections, to: Destination) -> ModelList:
    """Ask for the models of a provider.

    Args:
        connections: The connections to use.
        to: What `list_destination` returned.

    Raises:
        ListRefusedError: The answer is no list of models.
        Exception: Whatever the connection raised.
    """
    names: list[str] = []
    url = to.address
    for _ in range(_PAGES):
        page = await _page(connections, url, to)
        rows = page.get("data") if isinstance(page, dict) else page
        if not isinstance(rows, list):
            raise ListRefusedError(_SUCCESS)
        found = (row.get("id") for row in rows if isinstance(row, dict))
        names += (name for name in found if isinstance(name, str))
        following = _next(page)
        if following is None:
            return ModelList(tuple(names), not (isinstance(page, dict) and page.get("has_more")))
        if urlsplit(following)[:2] != urlsplit(to.address)[:2]:
            break  # the key is for this server alone
        url = following
    return ModelList(tuple(names), complete=False)


async def _page(connections: Connections, url: str, to: Destination) -> Any:
    """Return one page, decoded. Raises ListRefusedError."""
    body = bytearray()
    async with connections.get(url, headers=to.headers) as response:
        if response.status != _SUCCESS:
            raise ListRefusedError(response.status)
        async for part in response.content.iter_any():
            body += part
            if len(body) > _LARGEST:
                raise ListRefusedError(_SUCCESS)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ListRefusedError(_SUCCESS) from None


def _next(page: Any) -> str | None:
    """Return the address of the next page, as OpenRouter states it."""
    links = page.get("links") if isinstance(page, dict) else None
    following = links.get("next") if isinstance(links, dict) else None
    return following if isinstance(following, str) else None


def _as_chat(model: Model) -> Model:
    if provider_of(model) != _OLLAMA:
        return model
    return replace(model, provider_model=f"ollama_chat/{wire_name(model)}")
