"""The sources of models, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.discovery.sources import compatible, lmstudio, ollama, openrouter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from policy_router.discovery.fetch import SourceFetcher
    from policy_router.discovery.served import ServedModel


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of place where models are looked for.

    Attributes:
        name: Its name.
        base: Its address where none is given; empty where one must be.
        provider: How names begin in a policy of models that are called there.
        end: What follows its address in `api_base`; None where a policy needs no address.
        local: Whether it usually is a self-hosted server, whose models cost nothing.
        list_models: Asks it. Raises SourceError.
        others: Further beginnings of names of models that are called there.
        load: Puts a model, by its name there, into memory. Raises SourceError. None where that is
            not ours to decide.
        unload: Lets it go.
        is_loaded: Whether a model is in memory. Raises SourceError.
        keep: Keeps it in memory for some seconds from now on, where the server counts them itself.
        is_busy: Whether the server is answering anybody, where it must not be interrupted.
        load_help: What must hold for that, where it may not.
    """

    name: str
    base: str
    provider: str
    end: str | None
    local: bool
    list_models: Callable[[SourceFetcher], Awaitable[Sequence[ServedModel]]]
    others: tuple[str, ...] = ()
    load: Callable[[SourceFetcher, str], Awaitable[None]] | None = None
    unload: Callable[[SourceFetcher, str], Awaitable[None]] | None = None
    load_help: str = ""
    is_loaded: Callable[[SourceFetcher, str], Awaitable[bool]] | None = None
    keep: Callable[[SourceFetcher, str, float], Awaitable[None]] | None = None
    is_busy: Callable[[SourceFetcher], Awaitable[bool]] | None = None


SOURCES: Final[Mapping[str, Source]] = {
    each.name: each
    for each in (
        Source("ollama", "http://127.0.0.1:11434", "ollama_chat", "", True, ollama.list_models,
               ("ollama",), ollama.load, ollama.unload, is_loaded=ollama.is_loaded,
               keep=ollama.keep),
        Source("lmstudio", "http://127.0.0.1:1234", "lm_studio", "/v1", True, lmstudio.list_models,
               ("openai",), lmstudio.load, lmstudio.unload, "LM Studio 0.4 or later does that",
               lmstudio.is_loaded),
        Source("vllm", "http://127.0.0.1:8000", "hosted_vllm", "/v1", True, compatible.list_vllm,
               ("openai",), compatible.wake_vllm, compatible.put_vllm_to_sleep,
               "start vLLM with --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1",
               compatible.vllm_is_awake, is_busy=compatible.vllm_is_busy),
        Source("openrouter", "https://openrouter.ai", "openrouter", None, False,
               openrouter.list_models),
        Source("openai-compatible", "", "openai", "", False, compatible.list_models,
               ("hosted_vllm", "lm_studio", "custom_openai")),
    )
}  # fmt: skip
