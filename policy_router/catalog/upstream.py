"""Which models of different providers are the same model.

Providers spell a model in their own ways: `openrouter/anthropic/claude-sonnet-4.5`,
`anthropic/claude-sonnet-4-5` and `bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0` are one.
When in doubt, two names are two models: quantised builds, fine-tuned models, self-chosen names and
different release dates all count as different.
"""

from __future__ import annotations

import re
from typing import Final

_MAKERS: Final = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "google",
    "gemini": "google",
    "meta": "meta",
    "meta-llama": "meta",
    "mistral": "mistral",
    "mistralai": "mistral",
    "qwen": "qwen",
    "deepseek": "deepseek",
    "deepseek-ai": "deepseek",
    "xai": "xai",
    "x-ai": "xai",
    "moonshot": "moonshot",
    "moonshotai": "moonshot",
    "z-ai": "zai",
    "zai": "zai",
    "zai-org": "zai",
    "minimax": "minimax",
    "minimaxai": "minimax",
    "cohere": "cohere",
    "cohere-chat": "cohere",
    "amazon": "amazon",
    "nvidia": "nvidia",
    "microsoft": "microsoft",
    "ai21": "ai21",
}
"""Names of makers, as providers and their paths spell them."""
_FAMILIES: Final = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"(gpt-|chatgpt-|o[134](-|$))"), "openai"),
    (re.compile(r"gemini-"), "google"),
    (re.compile(r"llama-\d"), "meta"),
    (re.compile(r"(mistral|mixtral|codestral|devstral|magistral|ministral|pixtral)-"), "mistral"),
    (re.compile(r"qw(en|q)[\d-]"), "qwen"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"grok-"), "xai"),
    (re.compile(r"kimi-"), "moonshot"),
    (re.compile(r"glm-"), "zai"),
    (re.compile(r"minimax-"), "minimax"),
    (re.compile(r"command-"), "cohere"),
    (re.compile(r"nova-"), "amazon"),
)
"""How the names of a maker's models begin, for providers that do not name the maker."""
_OWN_BUILDS: Final = {"ollama": "ollama", "ollama_chat": "ollama", "lm_studio": "lm_studio",
    "llamafile": "llamafile", "docker_model_runner": "docker_model_runner"}  # fmt: skip
"""Servers of quantised builds: a model there is the same as itself alone."""
_VARIANTS: Final = frozenset({"free", "nitro", "floor"})
"""Variants by which OpenRouter chooses a host; others, such as `thinking`, change the model."""
_ROUTES: Final = re.compile(
    r"(converse|invoke|converse_like|chat|responses|accounts|fireworks|models|publishers"
    r"|[a-z]{2}(-gov)?-[a-z]+-\d|global)"
)
"""Parts of a path that name a protocol, an account or a region."""
_REGION: Final = re.compile(r"^(us|eu|apac|global|jp|au|ca|us-gov)\.(?=[a-z0-9]+\.)")
_DOTTED: Final = re.compile(r"([a-z0-9]+)\.([a-z].*)")
_BEDROCK_VERSION: Final = re.compile(r"(-v\d+)?:\d+$|-v\d+$")
_DATE: Final = re.compile(r"-(20\d{6}|latest)$")
_SEVERAL_DATES: Final = frozenset({"claude-3-5-sonnet"})
"""Models of Anthropic of which two were released under one name."""


def upstream_model(litellm_name: str) -> str:
    """Return an identifier of a model that is the same for all providers.

    Args:
        litellm_name: The name that LiteLLM calls it by, such as `openrouter/openai/gpt-4o`.

    Returns:
        `maker/name` where both are certain; else the name itself, so that the model is the same as
        models of exactly this name alone.
    """
    provider, *path = litellm_name.lower().split("/")
    if not path:
        provider, path = "", [provider]
    if provider in _OWN_BUILDS:
        return "/".join([_OWN_BUILDS[provider], *path])
    *between, name = path
    bare, colon, variant = name.rpartition(":")
    if colon and variant in _VARIANTS and provider == "openrouter":
        name = bare
    makers = [part for part in between if not _ROUTES.fullmatch(part)]
    name = _REGION.sub("", name)
    dotted = _DOTTED.fullmatch(name)
    if dotted and dotted[1] in _MAKERS:
        makers.append(dotted[1])
        name = _BEDROCK_VERSION.sub("", dotted[2])
    name = _spelled(name)
    family = next((maker for begins, maker in _FAMILIES if begins.match(name)), None)
    if not makers:
        makers = [provider] if family is None else [family]
    maker = _MAKERS.get(makers[0].replace("_", "-"))
    if len(makers) > 1 or maker is None or ":" in name or (family not in (maker, None)):
        return litellm_name.lower()
    if maker == "anthropic":
        undated = _DATE.sub("", name)
        name = name if undated in _SEVERAL_DATES else undated
    return f"{maker}/{name}"


def _spelled(name: str) -> str:
    """A name in one spelling: hyphens for `.`, `_` and `@`, and `llama-3` for `llama3`."""
    name = re.sub(r"[._@]", "-", name)
    name = name.removeprefix("databricks-").removeprefix("meta-").removesuffix("-maas")
    return re.sub(r"^llama(?=\d)", "llama-", name)
