"""Which models can be reached from here: servers on this machine, and keys by name, never by value.

Only loopback addresses are connected to, without proxies and redirects, all at once, and no longer
than the time allowed.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from policy_router.discovery.served import ServedModel, SourceError
from policy_router.discovery.sources.compatible import read_models
from policy_router.discovery.sources.ollama import read_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx

WITHIN: Final = 1.0
"""Seconds that all servers together have to answer."""
_LONGEST_ANSWER: Final = 4 << 20
"""Bytes of an answer; a longer one is no list of models."""

KEYS: Final = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "OPENROUTER_API_KEY",
    "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "XAI_API_KEY", "TOGETHERAI_API_KEY", "CEREBRAS_API_KEY",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerKind:
    """A kind of server, and where to look for one.

    Attributes:
        name: `ollama`, `lmstudio` or `vllm`.
        base: Its address, such as `http://127.0.0.1:8000`.
        path: Path at which it lists its models.
        read: Turns the decoded list into models. Raises SourceError when it is anything else.
    """

    name: str
    base: str
    path: str
    read: Callable[[Any], Sequence[ServedModel]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered.

    Attributes:
        kind: The name of its kind.
        base: Its address, such as `http://127.0.0.1:8000`.
        models: The models it offers, without embedding models.
    """

    kind: str
    base: str
    models: tuple[ServedModel, ...]


@dataclass(frozen=True, slots=True)
class Discovered:
    """What can be reached from here.

    Attributes:
        servers: The servers that answered.
        keys: Names of the environment variables that hold a key.
        notes: Which servers were skipped, and why.
    """

    servers: tuple[Server, ...] = ()
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


SOURCES: Final = (
    ServerKind("ollama", "http://127.0.0.1:11434", "/api/tags", read_tags),
    ServerKind("lmstudio", "http://127.0.0.1:1234", "/v1/models", read_models),
    ServerKind("vllm", "http://127.0.0.1:8000", "/v1/models", read_models),
)


def discover(
    environ: Mapping[str, str],
    *,
    sources: Sequence[ServerKind] = SOURCES,
    within: float = WITHIN,
) -> Discovered:
    """Find out what can be reached from here.

    Args:
        environ: The environment variables. Keys in them are not read, only their names.
        sources: Where to look for servers.
        within: Seconds that all servers together have to answer.
    """
    notes: list[str] = []
    reachable = []
    for source in sources:
        base = source.base
        if source.name == "ollama" and environ.get("OLLAMA_HOST"):
            base = ollama_base(environ["OLLAMA_HOST"])
        if is_loopback(base):
            reachable.append(replace(source, base=base))
        else:
            notes.append(f"{source.name} was skipped: {base} is not on this machine")
    servers = asyncio.run(_list_all(reachable, within)) if reachable else ()
    keys = tuple(name for name in KEYS if environ.get(name))
    return Discovered(servers, keys, tuple(notes))


def ollama_base(host: str) -> str:
    """Return the address that a value of OLLAMA_HOST stands for.

    The address that means all interfaces becomes the one of this machine.
    """
    text = host.strip()
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        return text
    if name in ("0.0.0.0", "::"):  # noqa: S104  nothing is bound here
        name = "127.0.0.1"
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}:{port or 11434}"


def is_loopback(base: str) -> bool:
    """Return whether an address is on this machine, without asking a name server."""
    try:
        parts = urlsplit(base)
        name = parts.hostname or ""
        return parts.scheme == "http" and (name == "localhost" or ip_address(name).is_loopback)
    except ValueError:
        return False


async def _list_all(sources: Sequence[ServerKind], within: float) -> tuple[Server, ...]:
    """Return the servers that answered in time, in the order of the sources."""
    import httpx  # noqa: PLC0415  takes long to import, and only `init` needs it

    # Neither proxies nor redirects: a server on this machine must not send us to another.
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=within) as client:
        tasks = [asyncio.create_task(_list(client, source)) for source in sources]
        _, late = await asyncio.wait(tasks, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    answers = zip(sources, tasks, strict=True)
    listed = [(source, () if task in late else task.result()) for source, task in answers]
    return tuple(Server(source.name, source.base, models) for source, models in listed if models)


async def _list(client: httpx.AsyncClient, source: ServerKind) -> tuple[ServedModel, ...]:
    """Return the models of one server; none when it is not there or is something else."""
    import httpx  # noqa: PLC0415  as above

    try:
        body = await _get(client, source.base + source.path)
        models = source.read(json.loads(body))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError, SourceError):
        return ()
    return tuple({model.name: model for model in models}.values())


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    """Return the body of an answer.

    Raises:
        ValueError: The status is not 200, or the body is too long.
    """
    body = bytearray()
    # Uncompressed: what a few bytes expand to has no bound.
    async with client.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
        if response.status_code != 200:
            raise ValueError("not a list of models")
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _LONGEST_ANSWER:
                raise ValueError("too long for a list of models")
    return bytes(body)
