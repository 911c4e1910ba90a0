"""Counts of a request that the classification uses: its last user message and its context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from policy_router.classification.body import read_messages
from policy_router.classification.text import Text, read_text

LONG_ANSWER: Final = 2_000
"""A `max_tokens` of at least this asks for a long answer."""


@dataclass(frozen=True, slots=True)
class Features:
    """Counts of a request, without its text.

    Attributes:
        text: Counts of the last message of the user.
        tokens: Estimate of all input tokens.
        context: Estimate of the input tokens outside that message.
        turns: Messages of the user.
        calls: Messages with results of tools.
        tools: Tools that are offered.
        needs: Abilities that a model must have.
        long_output: Whether a long answer is requested, by a word, a number or `max_tokens`.
    """

    text: Text = field(default_factory=Text)
    tokens: int = 0
    context: int = 0
    turns: int = 0
    calls: int = 0
    tools: int = 0
    needs: frozenset[str] = frozenset()
    long_output: bool = False


def read_request(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    max_output: int | None = None,
) -> tuple[Features, str]:
    """Read an OpenAI chat body. Any input is accepted.

    Args:
        messages: A list of messages, or the text of a single one.
        tools: The tools that are offered.
        response_format: The format that the answer must have.
        max_output: `max_tokens` of the request.

    Returns:
        The features, and the text of the last message of the user.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    facts = read_messages(messages, tools=tools, response_format=response_format)
    last: object = None
    turns = calls = 0
    conversation = messages if isinstance(messages, list | tuple) else ()
    for message in conversation:
        role = message.get("role") if isinstance(message, Mapping) else None
        if role == "user":
            last, turns = message, turns + 1
        elif role == "tool":
            calls += 1
    around = [each for each in conversation if each is not last]
    prompt = _text_of(last)
    text = read_text(prompt)
    return (
        Features(
            text=text,
            tokens=facts.tokens,
            context=read_messages(around).tokens if around else 0,
            turns=turns,
            calls=calls,
            tools=len(tools) if isinstance(tools, list | tuple) else 0,
            needs=facts.needs,
            long_output=text.long or (max_output or 0) >= LONG_ANSWER,
        ),
        prompt,
    )


def _text_of(message: object) -> str:
    """Return the text of a message: its content, or the text parts of its content."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str))
