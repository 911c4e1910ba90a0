"""The formats of request bodies that clients use."""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    """The format of a request's body.

    Attributes:
        CHAT: OpenAI's chat completions.
        MESSAGES: Anthropic's messages.
        RESPONSES: OpenAI's responses.
    """

    CHAT = "chat"
    MESSAGES = "messages"
    RESPONSES = "responses"
