"""Which models can be reached from here: servers on this machine, and keys by name, never by value.

Only loopback addresses are asked, past every proxy, all at once, and no longer than `within`.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WITHIN: Final = 1.0
_LONGEST_ANSWER: Final = 4 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
_EMBEDDING: Final = re.compile(r"embed|\bbge-|rerank", re.IGNORECASE)

KEYS: Final = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "OPENROUTER_API_KEY",
    "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "XAI_API_KEY", "TOGETHERAI_API_KEY", "CEREBRAS_API_KEY",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server offers. context: tokens, when the server says so. elsewhere: the
    server only passes requests on, so nothing stays on this machine."""

    name: str
    context: int | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class ServerKind:
    """A kind of server. path: where it lists its models. read: that list -> models; raises
    KeyError, TypeError, ValueError or AttributeError on anything else."""

    name: str
    base: str
    path: str
    read: Callable[[Any], Iterator[ServedModel]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered. kind: name of its Source. base: http://host:port."""

    kind: str
    base: str
    models: tuple[ServedModel, ...]


@dataclass(frozen=True, slots=True)
class Discovered:
    """What there is. keys: names of variables that hold a key. notes: what was not asked, why."""

    servers: tuple[Server, ...] = ()
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _tags(answer: Any) -> Iterator[ServedModel]:
    """Ollama's /api/tags."""
    for row in answer["models"]:
        name = row["name"]
        away = bool(row.get("remote_host")) or name.endswith((":cloud", "-cloud"))
        yield ServedModel(name, elsewhere=away)


def _listed(answer: Any) -> Iterator[ServedModel]:
    """The /v1/models of servers that speak as OpenAI does; vLLM adds `max_model_len`."""
    for row in answer["data"]:
        size = row.get("max_model_len")
        yield ServedModel(row["id"], size if isinstance(size, int) and size > 0 else None)


SOURCES: Final = (
    ServerKind("ollama", "http://127.0.0.1:11434", "/api/tags", _tags),
    ServerKind("lmstudio", "http://127.0.0.1:1234", "/v1/models", _listed),
    ServerKind("vllm", "http://127.0.0.1:8000", "/v1/models", _listed),
)


def discover(
    environ: Mapping[str, str],
    *,
    sources: Sequence[ServerKind] = SOURCES,
    within: float = WITHIN,
) -> Discovered:
    """What can be reached from here. within: seconds, for all servers together."""
    notes: list[str] = []
    asked = []
    for source in sources:
        base = source.base
        if source.name == "ollama" and environ.get("OLLAMA_HOST"):
            base = ollama_base(environ["OLLAMA_HOST"])
        if is_loopback(base):
            asked.append(ServerKind(source.name, base, source.path, source.read))
        else:
            notes.append(f"{source.name} was not asked: {base} is not on this machine")
    servers = _ask_all(asked, within)
    keys = tuple(name for name in KEYS if environ.get(name))
    return Discovered(servers, keys, tuple(notes))


def ollama_base(host: str) -> str:
    """The address that OLLAMA_HOST stands for; the address to listen on everywhere is here too."""
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
    """Whether the address is on this very machine, without asking any name server."""
    try:
        parts = urlsplit(base)
        name = parts.hostname or ""
        return parts.scheme == "http" and (name == "localhost" or ip_address(name).is_loopback)
    except ValueError:
        return False


def _ask_all(sources: Sequence[ServerKind], within: float) -> tuple[Server, ...]:
    """The servers that answered in time, in the order of their sources."""
    found: dict[int, Server] = {}

    def ask(number: int, source: ServerKind) -> None:
        models = _ask(source, within)
        if models:
            found[number] = Server(source.name, source.base, models)

    # Daemons: one that hangs on a slow server does not keep the program alive.
    threads = [threading.Thread(target=ask, args=pair, daemon=True) for pair in enumerate(sources)]
    end = monotonic() + within
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - monotonic()))
    answered = dict(found)
    return tuple(answered[number] for number in sorted(answered))


class _Stay(urllib.request.HTTPRedirectHandler):
    """A server on this machine must not send us to another one."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _ask(source: ServerKind, within: float) -> tuple[ServedModel, ...]:
    """The models of one server; none when it is not there or is something else."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        with opener.open(source.base + source.path, timeout=within) as answer:
            raw = answer.read(_LONGEST_ANSWER)
        models = list(source.read(json.loads(raw)))
    except (OSError, urllib.error.URLError, ValueError, RecursionError):
        return ()
    except (KeyError, TypeError, AttributeError):
        return ()
    kept = {
        m.name: m
        for m in models
        if isinstance(m.name, str) and _NAME.fullmatch(m.name) and not _EMBEDDING.search(m.name)
    }
    return tuple(kept.values())
