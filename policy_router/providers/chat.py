"""Reads OpenAI-shaped answers and chunks, whoever made them: attributes that may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from policy_router.domain.money import nano_usd

_SAYING: Final = ("content", "tool_calls", "reasoning_content", "function_call", "refusal", "audio")
"""What a message or a delta says something by."""
_ANSWERING: Final = ("content", "tool_calls", "function_call", "refusal", "audio", "images")
"""What answers a request; reasoning alone does not."""
_TOKENS_MOST: Final = 1_000_000_000
_DOLLARS_MOST: Final = 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted for an answer; None where it reported nothing credible.

    tokens_in, tokens_out: all of them, also those that some providers count beside these two.
    cached, written: of those that went in, read from and written to the provider's prompt cache;
    kept: of those written, for an hour, None when that is not reported. heard, audio_out: of those
    that went in and came out, sound. thought: of those that came out, thinking. cited: tokens of
    text that the provider fetched, which are in neither. searches: how many it made. bill:
    nano-USD, as the provider itself puts it. tier: the service tier that answered. local: it says
    that it answered where it charges more.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int = 0
    written: int = 0
    audio_in: int = 0
    audio_out: int = 0
    kept: int | None = None
    thought: int = 0
    cited: int = 0
    searches: int | None = None
    bill: int | None = None
    tier: str = ""
    local: bool = False


def usage(answer: Any) -> Usage:
    """What the provider counted, in any of the spellings in use. Negative, absurd and non-integer
    numbers become None: hostile or broken usage must not turn into a credit."""
    used = _get(answer, "usage")
    prompt, output = _get(used, "prompt_tokens_details"), _get(used, "completion_tokens_details")
    tokens_in, tokens_out = _first(used, *_IN), _first(used, *_OUT)
    cached = max(_most(prompt, "cached_tokens"), _most(used, *_CACHED))
    written = max(_most(prompt, *_WRITTEN), _most(used, *_WRITTEN))
    if tokens_in is not None and cached + written > tokens_in:
        tokens_in += cached + written  # counted beside the prompt, as Anthropic does it
    thought = max(_most(output, "reasoning_tokens"), _most(used, "reasoning_tokens"))
    total = _first(used, "total_tokens")
    if tokens_in is not None and tokens_out is not None:
        beside = (total or 0) - tokens_in - tokens_out
        if beside > 0:
            tokens_out += beside  # thinking that `completion_tokens` leaves out, as xAI has it
        elif thought > tokens_out:
            tokens_out += thought
    split = _get(used, "cache_creation") or _get(prompt, "cache_creation_token_details")
    tier = _get(answer, "service_tier") or _get(used, "service_tier")
    return Usage(
        tokens_in,
        tokens_out,
        cached,
        written,
        _most(prompt, "audio_tokens"),
        _most(output, "audio_tokens"),
        _first(split, "ephemeral_1h_input_tokens"),
        thought,
        _most(used, "citation_tokens"),
        _searches(used, prompt),
        _bill(used),
        tier if isinstance(tier, str) else "",
        _get(used, "inference_geo") == "us",
    )


_IN: Final = ("prompt_tokens", "input_tokens")
_OUT: Final = ("completion_tokens", "output_tokens")
_CACHED: Final = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
_WRITTEN: Final = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")


def _searches(used: Any, prompt: Any) -> int | None:
    """How many searches the provider made; None when it says nothing of them."""
    found = (
        _first(used, "num_search_queries", "num_sources_used"),
        _first(prompt, "web_search_requests"),
        _first(_get(used, "server_tool_use"), "web_search_requests"),
    )
    maps = _first(prompt, "google_maps_grounding_requests")
    known = [count for count in found if count is not None]
    return max(known, default=0) + (maps or 0) if known or maps else None


def _bill(used: Any) -> int | None:
    """What the provider says that it charges, in nano-USD."""
    cost = _get(used, "cost")
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost")
    dollars = _amount(cost)
    # OpenRouter's own fee, where the customer's own key pays another provider.
    upstream = _amount(_get(_get(used, "cost_details"), "upstream_inference_cost"))
    own_key = _get(used, "is_byok") is True
    if dollars is None:
        return None
    return nano_usd(dollars + (upstream or 0 if own_key else 0), round_up=True)


def _amount(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < _DOLLARS_MOST else None  # type: ignore[arg-type,operator]  # a number by now


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _first(value: Any, *names: str) -> int | None:
    """The first of these fields that is a credible count."""
    found = (_count(_get(value, name)) for name in names)
    return next((count for count in found if count is not None), None)


def _most(value: Any, *names: str) -> int:
    """The highest of these fields: spellings of one count, never added up."""
    return max((_count(_get(value, name)) or 0 for name in names), default=0)


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MOST else None


def choices(answer: Any) -> list[Any]:
    """The choices of an answer or a chunk."""
    return list(getattr(answer, "choices", None) or ())


def finish(answer: Any) -> str | None:
    """The first finish reason in an answer or a chunk."""
    reasons = (getattr(choice, "finish_reason", None) for choice in choices(answer))
    return next((reason for reason in reasons if reason), None)


def field(value: Any, name: str) -> Any:
    """A field of an object or of a mapping; None when it has none."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _part(choice: Any) -> Any:
    return field(choice, "delta") or field(choice, "message")


def says(choice: Any) -> bool:
    """Whether a choice holds a piece of an answer, which reasoning is not."""
    part = _part(choice)
    return any(field(part, name) for name in _ANSWERING)


def acts(choice: Any) -> bool:
    """Whether a choice calls a tool."""
    part = _part(choice)
    return bool(field(part, "tool_calls") or field(part, "function_call"))


def native(choice: Any) -> str | None:
    """The finish reason of the model's own provider, where a gateway passes it on."""
    for holder in (choice, field(choice, "provider_specific_fields")):
        reason = field(holder, "native_finish_reason")
        if isinstance(reason, str):
            return reason
    return None


def says_anything(chunk: Any) -> bool:
    """Whether a chunk or an answer holds content, reasoning or a tool call; a role is nothing."""
    return any(says_by(chunk))


def says_by(chunk: Any) -> list[str]:
    """By which fields a chunk or an answer says something."""
    said = []
    for choice in choices(chunk):
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        said += [name for name in _SAYING if getattr(part, name, None)]
    return said


@dataclass(frozen=True, slots=True)
class Said:
    """One choice of an answer. finish: its finish reason. acts: it calls tools."""

    text: str
    finish: str | None
    acts: bool


def heard(answer: Any) -> tuple[Said, ...]:
    """The choices of a whole answer."""
    return tuple(
        Said(
            content(getattr(message, "content", None)),
            getattr(choice, "finish_reason", None),
            bool(getattr(message, "tool_calls", None) or getattr(message, "function_call", None)),
        )
        for choice in choices(answer)
        for message in (getattr(choice, "message", None),)
    )


def content(value: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list | tuple) else ()
    return "".join(
        str(part.get("text") or "")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "text"
    )


def size(chunk: Any) -> int:
    """Bytes of all that a chunk or an answer says; no tokenizer makes more tokens than bytes."""
    total = 0
    for choice in choices(chunk):
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        for name in _SAYING:
            said = getattr(part, name, None)
            if said:
                words = said if isinstance(said, str) else repr(said)
                total += len(words.encode("utf-8", "surrogatepass"))
    return total


def text(chunk: Any) -> str:
    """The text of a chunk's first choice."""
    each = choices(chunk)
    return str(getattr(getattr(each[0], "delta", None), "content", None) or "") if each else ""


def set_text(chunk: Any, value: str) -> None:
    """Replaces the text of a chunk's first choice."""
    choices(chunk)[0].delta.content = value


def is_usage_only(chunk: Any) -> bool:
    """Whether this is the chunk after the last that brings the usage."""
    has = getattr(chunk, "usage", None) is not None
    return has and not says_anything(chunk) and finish(chunk) is None
