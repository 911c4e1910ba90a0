"""What an editor shows of the schema while a policy is written: what each word means, what a text
of a kind looks like, and what holds where nothing is said.

Checkers pass over these keywords: `enumDescriptions`, `patternErrorMessage` and `default`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.complexity import CONFIDENT, Weights
from policy_router.domain.fallback import Fallback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORDS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "string": "any text",
        "number": "a number, with or without a fraction",
        "bool": "true or false",
    },
    {
        "free": "models that cost nothing first",
        "local": "models tagged `local` first",
        "smallest": "models of a weaker tier first",
        "cheapest": "by what the request is expected to cost",
        "fastest": "by the latency of the model",
        "quality": "by the quality of the model, best first",
        "reliable": "by how often it answered",
        "headroom": "by how much of its limits and budgets is left",
    },
    {
        "best": "the best answer that came, with what it failed",
        "error": "an error",
    },
    {
        "user": "for each user",
        "tenant": "for each tenant",
        "team": "for each team",
        "key": "for each key of a caller",
    },
    {
        "free_only": "only free models answer until the period ends",
        "block": "no model answers until the period ends",
        "warn": "nothing is refused",
    },
    {
        "heuristic": "worked out from the request, without a model",
        "learned": "by the small model that comes with policy-router",
    },
    {
        "three_tiers": "light, standard and heavy, each asking for the tier of its name",
        "one_to_ten": "level_1 to level_10",
    },
    {
        "error": "the stream ends with an error",
        "resume": "another model goes on where it broke off",
        "buffer": "nothing goes out before the answer is whole",
    },
    {
        "off": "nothing is recorded",
        "shadow": "outcomes are recorded, and nothing changes",
        "suggest": "a change of the policy is proposed for review",
        "adjust": "the order of models follows what was learnt",
    },
    {
        "tools": "calls functions",
        "json": "answers in JSON by a schema",
        "vision": "reads pictures",
        "audio": "hears sound",
        "video": "sees videos",
        "pdf": "reads PDF files",
        "reasoning": "thinks before it answers",
        "image_output": "answers with pictures",
        "audio_output": "answers with sound",
        "hosted_tools": "uses tools that run at the provider",
    },
    {
        "auto": "as suits the model",
        "direct": "straight in the OpenAI wire format",
        "litellm": "over LiteLLM",
    },
    {
        "next": "ask the next model",
        "retry": "ask the same model once more, then give up",
        "retry_then_next": "ask the same model once more, then the next",
        "bigger_context": "ask the next model with a larger context",
        "stop": "give up, and return the error",
    },
)
"""Per set of words what each means. Sets that share a word are told apart by their other words."""

TEXTS: Final[Mapping[str, str]] = {
    "^[a-z0-9][a-z0-9_-]{0,63}$": "a name of small letters, digits, `-` and `_`: team-default",
    r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$": "write it like my_package.module:function",
    r"^[^\s]{1,200}$": "a LiteLLM name without spaces, such as anthropic/claude-haiku-4-5",
    r"^https?://[^\s]{1,500}$": "an address with http:// or https://",
    "^[A-Z][A-Z0-9_]{0,99}$": "the name of an environment variable in capitals, never the key",
}
"""Pattern -> what a text that does not match it should be; for patterns without a unit."""


def dress(schema: dict[str, Any]) -> None:
    """Add to a schema, in place, what editors show."""
    for node in _nodes(schema):
        words = node.get("enum", [node["const"]] if "const" in node else [])
        meanings = next((each for each in WORDS if set(words) <= set(each)), None)
        if words and meanings is not None:
            node["enumDescriptions"] = [meanings[word] for word in words]
        if isinstance(node.get("pattern"), str):
            node["patternErrorMessage"] = _message(node)
    for (shape, name), value in _defaults().items():
        part = schema if shape == "" else schema["definitions"][shape]
        part["properties"][name]["default"] = value


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _nodes(each)
    elif isinstance(node, dict):
        yield node
        for key, inner in node.items():
            if key not in ("examples", "enum", "const"):
                yield from _nodes(inner)


def _message(node: Mapping[str, Any]) -> str:
    kind = node.get("x-kind")
    if kind is None:
        return TEXTS.get(node["pattern"]) or f"write it like {_listed(node)}"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}, such as {_listed(node)}"


def _listed(node: Mapping[str, Any]) -> str:
    return " or ".join(map(str, node["examples"]))


def _defaults() -> Mapping[tuple[str, str], object]:
    """(Definition, property) -> what holds when the property is left out; "" is the top level."""
    fallback = Fallback()
    times = {
        name: f"{getattr(fallback, name):g}s"
        for name in ("deadline", "first_token_within", "stall")
    }
    cooldown = fallback.cooldown
    return {
        ("", "timezone"): "UTC",
        ("", "prefer"): ["free", "smallest", "cheapest"],
        **{("FallbackShape", name): value for name, value in times.items()},
        ("FallbackShape", "max_attempts"): fallback.max_attempts,
        ("FallbackShape", "on_stream_break"): fallback.on_stream_break.value,
        ("FallbackShape", "step_down"): fallback.step_down,
        ("FallbackShape", "cooldown"): {
            "failures": cooldown.failures,
            "within": f"{cooldown.within:g}s",
            "for": f"{cooldown.duration:g}s",
        },
        **{
            ("OnErrorShape", fault.value): action.value
            for fault, action in fallback.on_error.items()
        },
        **{
            ("WeightsShape", each.name): f"{getattr(Weights(), each.name) * 100:g}%"
            for each in fields(Weights)
        },
        ("ComplexityShape", "estimator"): "heuristic",
        ("TaskShape", "confidence"): CONFIDENT,
        ("TaskShape", "criticality"): 0,
        ("BudgetShape", "then"): "free_only",
        ("AcceptShape", "otherwise"): "best",
        ("ModelShape", "via"): "auto",
    }
