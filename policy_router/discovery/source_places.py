"""The places to look for models: those that are named, and the addresses of the policy's models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from policy_router.base_errors import UsageError
from policy_router.discovery.local import ollama_base
from policy_router.discovery.query_sources import SourcePlace
from policy_router.discovery.sources.table import SOURCES
from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.discovery.query_sources import SourceListing
    from policy_router.discovery.sources.table import Source
    from policy_router.domain.models import Model

_OPENROUTER_KEY: Final = "OPENROUTER_API_KEY"
_COMPATIBLE: Final = "openai-compatible"


def named_place(text: str, environ: Mapping[str, str], key_env: str | None = None) -> SourcePlace:
    """Return the place that an option names.

    Args:
        text: `ollama`, `vllm=http://gpu-1:8000`, or the address of a server with OpenAI's API.
        environ: The environment variables.
        key_env: The variable with the key for a server with OpenAI's API.

    Raises:
        UsageError: There is no such source, or its address is missing.
    """
    name, equals, base = text.partition("=")
    if "://" in name:
        name, equals, base = _COMPATIBLE, "=", text
    source = SOURCES.get(name)
    if source is None:
        raise UsageError(unknown("source", name, SOURCES))
    if not equals and not source.base:
        raise UsageError(f"`{name}` needs an address: {name}=http://HOST:PORT/v1")
    place = _place(source, base or _usual(source, environ))
    return replace(place, key_env=key_env) if source.name == _COMPATIBLE else place


def places_of(
    models: Iterable[Model], sources: Sequence[str], environ: Mapping[str, str]
) -> tuple[SourcePlace, ...]:
    """Return where to look for the models of a policy, and for others.

    Args:
        models: The models of the policy.
        sources: The sources that the policy names; none means all that its models are at, and the
            usual servers on this machine.
        environ: The environment variables.
    """
    places: dict[str, SourcePlace] = {}
    for model in models:
        place = place_of(model, environ)
        if place is not None and (not sources or place.source.name in sources):
            places.setdefault(place.key, place)
    kinds = {place.source.name for place in places.values()}
    for name in sources or [each.name for each in SOURCES.values() if each.local]:
        if name not in kinds:
            source = SOURCES[name]
            place = _place(source, _usual(source, environ), expected=bool(sources))
            places.setdefault(place.key, place)
    if not sources and "openrouter" not in kinds and environ.get(_OPENROUTER_KEY):
        place = _place(SOURCES["openrouter"], SOURCES["openrouter"].base)
        places.setdefault(place.key, place)
    return tuple(places.values())


def is_called_at(model: Model, listing: SourceListing, environ: Mapping[str, str]) -> bool:
    """Whether a model of a policy is called at the place that a listing is of."""
    source, provider = listing.place.source, model.provider_model.partition("/")[0]
    if provider not in (source.provider, *source.others):
        return False
    base = _address(model, environ)
    if base is None:
        if source.end is None:
            return True
        return provider in ("ollama", "ollama_chat") and _same(
            _usual(source, environ), listing.place.base
        )
    if source.end is None:
        return False
    return _same(base.rstrip("/").removesuffix(source.end), listing.place.base)


def place_of(model: Model, environ: Mapping[str, str]) -> SourcePlace | None:
    """Return where a model of a policy is called; None where no source is known for it."""
    provider, base = model.provider_model.partition("/")[0], _address(model, environ)
    for source in SOURCES.values():
        if provider != source.provider and not (source.local and provider == "ollama"):
            continue
        if provider == "ollama" and source.name != "ollama":
            continue
        if base is None and (source.end is None or source.name == "ollama"):
            return _place(source, _usual(source, environ))
        if base is not None and source.end is not None:
            place = _place(source, base.rstrip("/").removesuffix(source.end))
            keyed = source.name == _COMPATIBLE
            return replace(place, key_env=model.api_key_env) if keyed else place
    return None


def _place(source: Source, base: str, *, expected: bool = True) -> SourcePlace:
    return SourcePlace(source, base.rstrip("/"), None, expected)


def _usual(source: Source, environ: Mapping[str, str]) -> str:
    if source.name == "ollama":
        named = environ.get("OLLAMA_API_BASE") or environ.get("OLLAMA_HOST")
        return ollama_base(named) if named else source.base
    return source.base


def _address(model: Model, environ: Mapping[str, str]) -> str | None:
    named = None if model.api_base_env is None else environ.get(model.api_base_env)
    return named or model.api_base


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)


def _normal(base: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", base, None, ""
    host = "127.0.0.1" if host in ("localhost", "::1") else host
    return parts.scheme, host, port, parts.path.rstrip("/")
