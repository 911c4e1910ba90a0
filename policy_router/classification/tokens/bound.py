"""An upper bound of the tokens in a request, for reserving money before it is sent.

No tokenizer makes more tokens than a text has bytes, so the bytes are the bound.
"""

from __future__ import annotations

from policy_router.classification.body import read_body
from policy_router.classification.tokens.estimate import weigh
from policy_router.domain.request import UNBOUNDED


def most_tokens(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    prediction: object = None,
) -> int:
    """Return the most input tokens that an OpenAI chat body can have.

    Any acyclic input is accepted; the time is linear in it. No tokens are counted for pictures.

    Args:
        messages: A list of {"role", "content"}, or a text.
        tools: The tools that are offered.
        response_format: The format that the answer must have.
        prediction: The predicted output.

    Returns:
        The bound, at most `UNBOUNDED`.
    """
    extras = {"tools": tools, "response_format": response_format, "prediction": prediction}
    if isinstance(messages, list | tuple):
        return read_body({**extras, "messages": messages}).most
    return min(read_body(extras).most + weigh(messages).most, UNBOUNDED)
