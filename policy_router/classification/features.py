"""A request as the classification sees it: the text of its last question, and what surrounds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from policy_router.classification.body import read_messages
from policy_router.classification.text import Text, read_text

LONG_ANSWER: Final = 2_000
"""From so many tokens on, a cap of the answer says that a long one is wanted."""


@dataclass(frozen=True, slots=True)
class Features:
    """Counts, never the text.

    text: of the last message of the user. tokens: upper bound of all that goes in. context: of
    these, the tokens of what comes before that message or after it. turns: messages of the user.
    calls: messages that carry results of tools. tools: how many are offered. needs: abilities a
    model must have. long_output: a long answer is asked for, by a word, a number or the cap.
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
    """The features of an OpenAI chat body, and the text they were read from.

    messages: a list of messages, or the text of a single one. Takes any input whatever.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    facts = read_messages(messages, tools=tools, response_format=response_format)
    last: object = None
    turns = calls = 0
    said = messages if isinstance(messages, list | tuple) else ()
    for message in said:
        role = message.get("role") if isinstance(message, Mapping) else None
        if role == "user":
            last, turns = message, turns + 1
        elif role == "tool":
            calls += 1
    around = [message for message in said if message is not last] if len(said) > 1 else ()
    asked = _text_of(last)
    text = read_text(asked)
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
        asked,
    )


def _text_of(message: object) -> str:
    """The text of a message: its content, or the text parts of it."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str))
