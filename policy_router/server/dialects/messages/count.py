"""Counts the input tokens of a message without calling a model."""

from __future__ import annotations

from typing import Any

from policy_router.classification.body import read_body
from policy_router.domain.dialect import Dialect
from policy_router.server.dialects.fields import mapping
from policy_router.server.dialects.messages.request import read_request


def count_tokens(body: object) -> dict[str, Any]:
    """The answer to a request to count tokens.

    It is the estimate that decisions are made on, which is rather too high than too low.

    Args:
        body: The body as JSON; it is one of a message without `max_tokens`.

    Raises:
        InvalidBodyError: The body is not one of Anthropic's messages.
    """
    read_request(body)
    return {"input_tokens": read_body(mapping(body, "body"), Dialect.MESSAGES).tokens}
