"""Translates the reasoning effort into the form that each provider understands.

LiteLLM translates `reasoning_effort` for most providers. This module handles the cases in which it
passes on levels that a model does not have, drops others, or sends Claude a thinking budget along
with parameters that Claude refuses while it thinks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.effort import LEVELS, USUAL_LEVELS, nearest_level

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from policy_router.domain.models import Model

EFFORT: Final = "reasoning_effort"

LEAST_BUDGET: Final = 1_024
"""Tokens: the least that Claude takes as a budget for thinking."""
BUDGETS: Final[Mapping[str, int]] = {
    "minimal": LEAST_BUDGET,
    "low": LEAST_BUDGET,
    "medium": 2 * LEAST_BUDGET,
    "high": 4 * LEAST_BUDGET,
    "xhigh": 8 * LEAST_BUDGET,
    "max": 16 * LEAST_BUDGET,
}
"""Tokens for thinking at each level, for models that take a budget. They are those of LiteLLM."""
GEMINI_MAX: Final = 24_576
"""Tokens: the largest budget that all of Gemini 2.5 take; `high` is far below it."""

_CLAUDE: Final = re.compile(r"claude")
_NEVER: Final = re.compile(r"claude-(?:[12]|instant|3(?![.-]7))")
"""Models of Claude that cannot think."""
_BY_BUDGET: Final = re.compile(
    r"claude-(?:3[.-]7|4-(?:opus|sonnet)|(?:opus|sonnet|haiku)-4(?:[.-][0-5])?(?![0-9.]|-[0-9](?![0-9])))"
)
"""Models of Claude that take a budget; later ones take an effort."""
_GEMINI_2: Final = re.compile(r"gemini-2\.5")
_GEMINI_PRO: Final = re.compile(r"gemini-2\.5-pro")
_ALWAYS_ON: Final = re.compile(r"gpt-oss")
"""Models that always reason, at every provider."""
_GOOGLE: Final = frozenset({"gemini", "vertex_ai"})
_WORDS_OF_THEIR_OWN: Final = frozenset({"openrouter", "deepseek"})
"""Providers that take every level; LiteLLM writes it as they do."""
_REFUSED_WHILE_THINKING: Final = ("temperature", "top_p")
_ALL_LEVELS: Final = frozenset(LEVELS)
_SERVERS: Final = frozenset({"hosted_vllm", "ollama", "ollama_chat"})
"""Self-hosted servers, which switch reasoning off if the model allows it."""


def with_effort(sent: Mapping[str, Any], provider: str, model: Model) -> Mapping[str, Any]:
    """The parameters with `reasoning_effort` in the form that the provider understands.

    Args:
        sent: The parameters of a call. A level that is unknown here is left as it is.
        provider: The provider by its LiteLLM name.
        model: The model that is called.
    """
    effort = sent.get(EFFORT)
    if not isinstance(effort, str) or effort not in LEVELS:
        return sent
    name = model.provider_model.lower()
    if _CLAUDE.search(name) and provider not in _WORDS_OF_THEIR_OWN:
        return _to_claude(sent, effort, name)
    if provider in _GOOGLE:
        return _to_gemini(sent, effort, name)
    return {**sent, EFFORT: nearest_level(effort, _levels(provider, name, model))}


def _levels(provider: str, name: str, model: Model) -> AbstractSet[str]:
    """The levels that a model has at a provider."""
    if _ALWAYS_ON.search(name):
        return USUAL_LEVELS
    if provider in _WORDS_OF_THEIR_OWN:
        return _ALL_LEVELS
    if provider in _SERVERS:
        return USUAL_LEVELS | {"none"}
    return model.effort_levels


def _to_claude(sent: Mapping[str, Any], effort: str, name: str) -> Mapping[str, Any]:
    """Claude does not think where it must call a tool, and it takes no temperature while it does.

    A budget is at most half of the cap on the answer, which contains the thinking.
    """
    rest = {key: value for key, value in sent.items() if key != EFFORT}
    if effort == "none" or _NEVER.search(name) or _must_call_a_tool(sent):
        return rest
    thinking = {k: value for k, value in rest.items() if k not in _REFUSED_WHILE_THINKING}
    if not _BY_BUDGET.search(name):
        return {**thinking, EFFORT: "low" if effort == "minimal" else effort}
    cap = sent.get("max_completion_tokens") or sent.get("max_tokens")
    budget = BUDGETS[effort] if cap is None else min(BUDGETS[effort], cap // 2)
    if budget < LEAST_BUDGET or _goes_on_without_thoughts(sent):
        return rest
    return {**thinking, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _must_call_a_tool(sent: Mapping[str, Any]) -> bool:
    return sent.get("tool_choice", "auto") not in ("auto", "none")


def _goes_on_without_thoughts(sent: Mapping[str, Any]) -> bool:
    """Whether the conversation is in the middle of tool calls that were made without thinking, by
    another model: Claude refuses to begin thinking there."""
    said = [m for m in sent["messages"] if m.get("role") == "assistant"]
    return bool(said) and bool(said[-1].get("tool_calls")) and not said[-1].get("thinking_blocks")


def _to_gemini(sent: Mapping[str, Any], effort: str, name: str) -> Mapping[str, Any]:
    if effort in ("xhigh", "max"):
        if _GEMINI_2.search(name):
            rest = {key: value for key, value in sent.items() if key != EFFORT}
            return {**rest, "thinking": {"type": "enabled", "budget_tokens": GEMINI_MAX}}
        effort = "high"
    if effort == "none" and _GEMINI_PRO.search(name):
        effort = "minimal"  # it cannot be switched off there
    return {**sent, EFFORT: effort}
