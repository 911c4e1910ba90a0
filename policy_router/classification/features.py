"""Counts of a request that the classification uses: of what is asked, and of its context."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.classification.reading import RequestReading, read_request
from policy_router.classification.text import Text, read_text
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG_ANSWER: Final = 2_000
"""A `max_tokens` of at least this asks for a long answer."""


@dataclass(frozen=True, slots=True)
class Features:
    """Counts of a request, without its text.

    Attributes:
        text: Counts of what is asked.
        tokens: Estimate of all input tokens.
        context: Estimate of the input tokens in other messages.
        turns: Turns of the user.
        calls: Results of tools.
        tools: Tools that are offered.
        needs: Abilities that a model must have.
        long_output: Whether a long answer is requested, by a word, a number or `max_tokens`.
        agentic: Whether an agent makes the request: its tools, its instructions and its
            `max_tokens` are the same for any task, so they say nothing about this one.
        asked_needs: Abilities that the judged text alone needs.
        context_tokens: Tokens that must be understood together, as the caller says.
        history: Earlier turns that matter, as the caller says.
    """

    text: Text = field(default_factory=Text)
    tokens: int = 0
    context: int = 0
    turns: int = 0
    calls: int = 0
    tools: int = 0
    needs: frozenset[str] = frozenset()
    long_output: bool = False
    agentic: bool = False
    asked_needs: frozenset[str] = frozenset()
    context_tokens: int = 0
    history: int = 0

    @property
    def own_tools(self) -> int:
        """Tools that are offered for this request in particular."""
        return 0 if self.agentic else self.tools


_new_features: Final = maker(Features)


def features_of(
    reading: RequestReading,
    *,
    max_output: int | None = None,
    context_tokens: int = 0,
    history: int = 0,
) -> Features:
    """Return the counts of a request.

    Args:
        reading: The request.
        max_output: `max_tokens` of the request.
        context_tokens: Tokens that must be understood together, as the caller says.
        history: Earlier turns that matter, as the caller says.
    """
    text = read_text(reading.asked)
    cap = 0 if reading.agentic else max_output or reading.max_tokens or 0
    return _new_features(
        text=text,
        tokens=reading.tokens,
        context=reading.context,
        turns=reading.turn or 0,
        calls=reading.tool_results,
        tools=reading.tools,
        needs=reading.needs,
        long_output=text.long or cap >= LONG_ANSWER,
        agentic=reading.agentic,
        asked_needs=reading.asked_needs,
        context_tokens=context_tokens,
        history=history,
    )


def read_features(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    max_output: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[Features, str]:
    """Read an OpenAI chat body. Any input is accepted.

    Args:
        messages: A list of messages, or the text of a single one.
        tools: The tools that are offered.
        response_format: The format that the answer must have.
        max_output: `max_tokens` of the request.
        headers: The HTTP headers.

    Returns:
        The features, and the text that is judged.
    """
    reading = read_request(
        {"messages": messages, "tools": tools, "response_format": response_format}, headers=headers
    )
    return features_of(reading, max_output=max_output), reading.asked
