"""Adapts a chat body to what each provider, and each of its models, accepts.

What a model refuses and what only tunes its answer is left out, as LiteLLM does it; a body that
several models may get should not fail at one of them for such a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import CAPS
from policy_router.providers.requests.effort import EFFORT
from policy_router.providers.requests.files import with_file_name

if TYPE_CHECKING:
    from policy_router.providers.openai_wire.endpoints import Endpoint

_OF_SAMPLING: Final = frozenset({"logprobs", "temperature", "top_logprobs", "top_p"})
_OF_GPT_5: Final = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "modalities",
        "prediction",
        "presence_penalty",
        "stop",
        "web_search_options",
    }
)
_PENALTIES: Final = frozenset({"frequency_penalty", "presence_penalty"})
_NEUTRAL_TEMPERATURE: Final = 1
_OPENAI_NAME: Final = re.compile(r"o\d|gpt-")
"""Names of OpenAI's own models; self-hosted servers under `openai/` may only know `max_tokens`."""

REFUSED: Final[tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]] = (
    ("openai", re.compile(r"o\d"),
     _OF_SAMPLING | _PENALTIES | {"parallel_tool_calls", "verbosity"}),
    ("openai", re.compile(r"gpt-5(?!\.\d|.*-chat|.*-search)"), _OF_SAMPLING | _OF_GPT_5),
    ("openai", re.compile(r"gpt-5\.\d+(?!.*-chat|.*-search)"), _OF_GPT_5),
    ("openai", re.compile(r"gpt-[34]|chatgpt|gpt-5.*-(?:chat|search)"),
     frozenset({EFFORT, "verbosity"})),
    ("openai", re.compile(r"(?!gpt-|chatgpt|o\d)"), frozenset({"verbosity"})),
    ("xai", re.compile(r"grok-(?:3-mini|4|code)"), _PENALTIES | {"stop"}),
    ("xai", re.compile(r"grok-(?:4(?!\.)|code)"), frozenset({EFFORT})),
)  # fmt: skip
"""Parameters that some models of a provider refuse: provider, beginning of the model's name, and
the parameters. A temperature of 1, which changes nothing, is always sent."""
_WHILE_REASONING: Final = (("openai", re.compile(r"gpt-5\.\d+(?!.*-chat)"), _OF_SAMPLING),)
"""The same, for requests that ask for reasoning."""


def adapted(
    body: Mapping[str, Any], endpoint: Endpoint, provider: str, name: str, *, own_address: bool
) -> dict[str, Any]:
    """The body as an endpoint takes it.

    Args:
        body: The parameters of a chat completion.
        endpoint: The endpoint.
        provider: Its LiteLLM name.
        name: The name of the model there.
        own_address: Whether it is another server than the provider's own.

    Raises:
        CallFailed: The endpoint cannot take what the body contains.
    """
    always, while_reasoning = _refused(provider, name)
    refused = endpoint.refused | always
    if body.get(EFFORT) not in (None, "none"):
        refused |= while_reasoning
    sent = {
        endpoint.renamed.get(key, key): value
        for key, value in body.items()
        if key not in refused or (key == "temperature" and value == _NEUTRAL_TEMPERATURE)
    }
    caps = [sent.pop(cap) for cap in CAPS if cap in sent]
    if caps:
        by_others = own_address and not _OPENAI_NAME.match(name.lower())
        sent["max_tokens" if by_others else endpoint.cap] = caps[0]
    is_openai = provider == "openai" and not own_address
    if isinstance(sent.get("messages"), list):
        sent["messages"] = [
            _message(each, endpoint, is_openai=is_openai) for each in sent["messages"]
        ]
    if endpoint.refused_in_schemas and isinstance(sent.get("tools"), list):
        sent["tools"] = [_tool(tool, endpoint.refused_in_schemas) for tool in sent["tools"]]
    if provider == "deepseek":
        _add_deepseek_thinking(sent)
    return {**sent, **endpoint.fixed}


@lru_cache(maxsize=4096)
def _refused(provider: str, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that a model always refuses, and those that it refuses while it reasons."""
    lower = name.lower()
    always, while_reasoning = (
        frozenset[str]().union(
            *(names for of, pattern, names in rows if of == provider and pattern.match(lower))
        )
        for rows in (REFUSED, _WHILE_REASONING)
    )
    return always, while_reasoning


def _message(message: Any, endpoint: Endpoint, *, is_openai: bool) -> Any:
    if not isinstance(message, Mapping):
        return message
    sent = dict(message)
    if sent.get("role") == "developer" and not is_openai:
        sent["role"] = "system"
    if "name" in sent and sent.get("role") not in endpoint.named:
        del sent["name"]
    content = sent.get("content")
    if isinstance(content, list):
        parts = [_part(each, is_openai=is_openai) for each in content]
        sent["content"] = _joined(parts) if endpoint.joins_text else parts
    return sent


def _part(content_part: Any, *, is_openai: bool) -> Any:
    """A part of a message; the address of a picture may have been given as a plain string.

    Raises:
        CallFailed: It is the address of a file, of which OpenAI takes only the data.
    """
    if not isinstance(content_part, Mapping):
        return content_part
    if isinstance(content_part.get("image_url"), str):
        return {**content_part, "image_url": {"url": content_part["image_url"]}}
    file = content_part.get("file")
    if not isinstance(file, Mapping):
        return content_part
    if is_openai and str(file.get("file_data") or "").startswith(("https://", "http://")):
        detail = "chat completions of OpenAI take the data of a file, not its address"
        raise CallFailed(Failure(FailureKind.UNSUPPORTED, detail, sent=False))
    return {**content_part, "file": with_file_name(file)}


def _joined(parts: list[Any]) -> Any:
    found = (each.get("text") for each in parts if isinstance(each, Mapping))
    texts = [text for text in found if isinstance(text, str)]
    return "".join(texts) if len(texts) == len(parts) else parts


def _tool(tool: Any, refused: frozenset[str]) -> Any:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping):
        return tool
    kept = {name: value for name, value in function.items() if name not in refused}
    parameters = kept.get("parameters")
    if isinstance(parameters, Mapping):
        kept["parameters"] = {k: v for k, v in parameters.items() if k not in refused}
    return {**tool, "function": kept}


def _add_deepseek_thinking(sent: dict[str, Any]) -> None:
    """Switch DeepSeek's thinking on or off by the effort.

    While it thinks, it refuses earlier answers without their reasoning, as other models gave them.
    """
    effort = sent.get(EFFORT)
    if effort == "none":
        del sent[EFFORT]
        sent["thinking"] = {"type": "disabled"}
    elif effort is not None:
        sent["thinking"] = {"type": "enabled"}
        sent["messages"] = [
            {**each, "reasoning_content": " "}
            if each.get("role") == "assistant" and not each.get("reasoning_content")
            else each
            for each in sent["messages"]
        ]
