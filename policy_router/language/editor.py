"""Keywords of the schema for editors: descriptions of words, messages about patterns, defaults.

Validators ignore these keywords: `enumDescriptions`, `patternErrorMessage` and `default`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.complexity import CONFIDENT, Weights
from policy_router.domain.fallback import Fallback
from policy_router.domain.learning import MIN_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORDS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "string": "any string",
        "number": "a number, with or without a fraction",
        "bool": "true or false",
    },
    {
        "free": "calls are free",
    },
    {
        "free": "free models first",
        "local": "models tagged `local` first",
        "smallest": "models of a lower tier first",
        "cheapest": "by the expected cost of the request, lowest first",
        "fastest": "by the latency of the model, lowest first",
        "quality": "by the quality of the model, best first",
        "reliable": "by the measured success rate, highest first",
        "value": "by the value of an answer times its probability of being accepted, minus its "
        "cost",
        "headroom": "by the share of its limits and budgets that is left, largest first",
        "spread": "at random: tied models get equal shares of requests, a session the same one",
        "same_model": "the first model at its other providers before a different model",
    },
    {
        "email": "email addresses",
        "phone": "telephone numbers",
        "card": "numbers of payment cards, with their check digit",
        "iban": "international bank account numbers, with their check digits",
        "ip": "IPv4 and IPv6 addresses",
        "secret": "keys, passwords and tokens",
    },
    {
        "best": "the best answer, with the checks that it failed",
        "error": "an error",
    },
    {
        "user": "for each user",
        "tenant": "for each tenant",
        "team": "for each team",
        "key": "for each caller's key",
        "session": "for each session",
    },
    {
        "free_only": "only free models answer until the period ends",
        "block": "no model answers until the period ends",
        "warn": "only warn",
    },
    {
        "heuristic": "computed from the request, without a model",
        "learned": "by the small model included in policy-router",
    },
    {
        "three_tiers": "light, standard and heavy, each requiring at least the tier of that name",
        "one_to_ten": "level_1 to level_10",
    },
    {
        "error": "the stream ends with an error",
        "resume": "another model continues where it broke",
        "buffer": "nothing is sent before the answer is complete",
    },
    {
        "off": "nothing is recorded",
        "shadow": "outcomes are recorded, but nothing changes",
        "suggest": "policy changes are proposed for review",
        "adjust": "the order of models follows the outcomes",
    },
    {
        "tools": "calls functions",
        "json": "answers in JSON by a schema",
        "vision": "reads images",
        "audio": "takes audio input",
        "video": "takes video input",
        "pdf": "reads PDF files",
        "reasoning": "reasons before it answers",
        "image_output": "answers with images",
        "audio_output": "answers with audio",
        "hosted_tools": "uses tools that run at the provider",
    },
    {
        "low": "short answers",
        "medium": "answers of normal length",
        "high": "long answers",
    },
    {
        "none": "it answers without reasoning",
        "minimal": "as little as it can",
        "low": "a little",
        "medium": "as much as usual",
        "high": "much",
        "max": "as much as it can",
    },
    {
        "none": "it calls no tool",
        "auto": "it calls a tool if that helps",
        "required": "it calls a tool",
    },
    {
        "auto": "whichever suits the model",
        "direct": "over HTTP, in the wire format of OpenAI or of Anthropic",
        "litellm": "through LiteLLM",
    },
    {
        "model": "the model that answered last goes first",
        "tier": "the models of its tier go first, in their usual order",
        "off": "every request is decided on its own",
    },
    {
        "last": "it is called after the others",
        "skip": "it is not called",
    },
    {
        "success": "by the share of requests that were answered",
        "quality": "by the quality of the answers",
        "cost": "by what a request costs",
        "latency": "by how long an answer takes",
    },
    {
        "accept": "the checks of `accept`",
        "feedback": "feedback on the answer",
    },
    {
        "before": "before the caller's own system text",
        "after": "after the caller's own system text",
        "replace": "in place of the caller's own system text",
    },
    {
        "one model is down": "without any one of the models",
        "one provider is down": "without all models of any one provider",
    },
    {
        "ollama": "the models of an Ollama server",
        "lmstudio": "the models of LM Studio",
        "vllm": "the models of vLLM servers",
        "openrouter": "the models of OpenRouter",
    },
    {
        "denied": "a rule denies the request, or it is invalid",
        "only": "a rule allows only others",
        "avoid": "a rule excludes it",
        "use": "the task uses others",
        "ability": "it lacks an ability that the request needs",
        "context": "the request does not fit into its context",
        "tier": "it is below the required tier",
        "model": "the caller asks for another model",
        "cost": "it costs more than is allowed",
        "latency": "it takes longer than is allowed",
        "quality": "its quality is below what is required",
        "price": "its price is above what is allowed",
        "max_candidates": "enough other models come before it",
        "cooling": "it is in cooldown after failures",
        "unpriced": "its price is unknown",
        "uncovered": "no budget covers it",
        "rate_limit": "a limit is used up",
        "budget": "a budget is used up",
        "state": "a budget cannot be read",
        "busy": "too many of its calls are in flight",
        "not_asked": "it was not called",
        "vector_space": "its embeddings cannot be compared with those of the first model",
    },
    {
        "begins": "the session is new",
        "stays": "the model that answered last, or the tier, goes first",
        "excluded": "the model that answered last may not answer",
        "failed": "the model that answered last has failed since",
        "rises": "the session needs a higher tier than before",
    },
    {
        "next": "call the next model",
        "retry": "call the same model once more, then give up",
        "retry_then_next": "call the same model once more, then the next one",
        "bigger_context": "call the next model with a larger context",
        "stop": "give up and return the error",
    },
)
"""For each set of words, the description of every word. Sets that share a word differ in others,
and a set comes before one that contains it."""

TEXTS: Final[Mapping[str, str]] = {
    "^[a-z0-9][a-z0-9_-]{0,63}$": "lower-case letters, digits, `-` and `_`, such as team-default",
    r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$": "write it like my_package.module:function",
    r"^[^\s]{1,200}$": "a LiteLLM name without spaces, such as anthropic/claude-haiku-4-5",
    r"^https?://[^\s]{1,500}$": "an address with http:// or https://",
    "^[A-Z][A-Z0-9_]{0,99}$": "the name of an environment variable in capitals, never the key",
}
"""Pattern without a unit -> the message about a string that does not match it."""


def dress(schema: dict[str, Any]) -> None:
    """Add the keywords for editors to a schema, in place."""
    for node in _nodes(schema):
        words = node.get("enum", [node["const"]] if "const" in node else [])
        meanings = next((known for known in WORDS if set(words) <= set(known)), None)
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
    """(Definition, property) -> the value of a property that is left out; "" is the top level."""
    fallback = Fallback()
    times = {
        name: f"{getattr(fallback, name):g}s"
        for name in ("deadline", "first_token_within", "stall", "patience")
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
        ("TaskShape", "patience"): "$0/s",
        ("LearningShape", "min_samples"): MIN_SAMPLES,
        ("BudgetShape", "then"): "free_only",
        ("AcceptShape", "otherwise"): "best",
        ("ModelShape", "via"): "auto",
    }
