"""Whether the models of a policy can be called from here.

Checks whether the environment variables for API keys are set, without reading the keys, and whether
model servers on this machine or its network accept connections; nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from policy_router.diagnostics import Severity
from policy_router.discovery.fetch import message_of
from policy_router.discovery.local import KEYS
from policy_router.ledger.diagnosis import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.domain.models import Model

WITHIN: Final = 1.0
"""Seconds that each connection may take; all are made at once."""
OLLAMA: Final = "http://localhost:11434"
"""Address at which LiteLLM calls Ollama by default."""
_PORTS: Final = {"http": 80, "https": 443}
_OTHERS: Final = {
    "ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN",),
    "GEMINI_API_KEY": ("GOOGLE_API_KEY",),
    "OPENROUTER_API_KEY": ("OR_API_KEY",),
    "TOGETHERAI_API_KEY": ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"),
}
"""Further variables that LiteLLM reads a key from."""
_NAMED: Final = 3
"""Models that are named in one message."""


def missing_keys(models: Sequence[Model], environ: Mapping[str, str]) -> list[Diagnosis]:
    """Return the environment variables that models need for their keys and that are not set."""
    needed: defaultdict[str, list[str]] = defaultdict(list)
    partly: defaultdict[str, list[str]] = defaultdict(list)
    for model in models:
        names = _keys(model)
        if names and not any(environ.get(name) for name in names):
            needed[names[0]].append(model.name)
        elif len(model.api_key_envs) > 1:
            for name in model.api_key_envs:
                if not environ.get(name):
                    partly[name].append(model.name)
    texts = [f"{name} is not set: {listed(who)} cannot be called" for name, who in needed.items()]
    texts += [
        f"{name} is not set: {listed(who)} can only be called with other keys"
        for name, who in partly.items()
    ]
    help_ = "set it in the environment of the process that calls the model"
    return [Diagnosis("key", Severity.WARNING, text, help_) for text in texts]


def missing_addresses(models: Sequence[Model], environ: Mapping[str, str]) -> list[Diagnosis]:
    """Return the variables with the addresses of models that are not set, and have no default."""
    needed: defaultdict[str, list[str]] = defaultdict(list)
    for model in models:
        name = model.api_base_env
        if name is not None and model.api_base is None and not environ.get(name):
            needed[name].append(model.name)
    return [
        Diagnosis(
            "server",
            Severity.WARNING,
            f"{name} is not set: {listed(who)} cannot be called",
            "set it in the environment of the process that calls the model, or add `api_base`",
        )
        for name, who in needed.items()
    ]


async def silent_servers(
    models: Sequence[Model], environ: Mapping[str, str], within: float = WITHIN
) -> list[Diagnosis]:
    """Return the servers on this machine or its network that accept no connection."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    for model in models:
        base = _address(model, environ) or _usual_server(model, environ)
        if base is not None and _place(base) is not None:
            users[base].append(model.name)
    answers = await asyncio.gather(*(_why_not(base, within) for base in users))
    return [
        Diagnosis(
            "server",
            Severity.WARNING,
            f"{base} does not answer ({why}): {listed(users[base])} cannot be called",
            "start it, or change `api_base`",
        )
        for base, why in zip(users, answers, strict=True)
        if why is not None
    ]


def _address(model: Model, environ: Mapping[str, str]) -> str | None:
    named = None if model.api_base_env is None else environ.get(model.api_base_env)
    return named or model.api_base


def _keys(model: Model) -> tuple[str, ...]:
    """Return the variables any of which may hold the key of a model.

    Empty where the model needs no key, or that is unknown.
    """
    if model.api_key_env is not None:
        return model.api_key_envs or (model.api_key_env,)
    if model.has_own_address:
        return ()
    name = f"{model.provider_model.partition('/')[0].replace('_', '').upper()}_API_KEY"
    return (name, *_OTHERS.get(name, ())) if name in KEYS else ()


def _usual_server(model: Model, environ: Mapping[str, str]) -> str | None:
    if model.api_base_env or model.provider_model.partition("/")[0] not in (
        "ollama",
        "ollama_chat",
    ):
        return None
    return environ.get("OLLAMA_API_BASE") or OLLAMA


def _place(base: str) -> tuple[str, int] | None:
    """Return host and port of an address in this network that needs no name server, else None."""
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
        number = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None
    near = number.is_loopback or (number.is_private and not number.is_link_local)
    return (host, port) if near and port else None


async def _why_not(base: str, within: float) -> str | None:
    """Return why a server accepts no connection; None when it does."""
    place = _place(base)
    if place is None:
        return None
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(*place)
    except TimeoutError:
        return f"no connection within {within:g} s"
    except OSError as error:
        return message_of(error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None


def listed(names: Iterable[str]) -> str:
    """Name models: `a`, `b` and 3 more."""
    every = [f"`{name}`" for name in names]
    more = len(every) - _NAMED
    if more > 0:
        return f"{', '.join(every[:_NAMED])} and {more} more"
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
