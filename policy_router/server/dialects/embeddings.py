"""Reads and writes the bodies of OpenAI's embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.server.dialects.fields import (
    flag,
    listed,
    mapping,
    model_of,
    one_of,
    refuse,
    unknown_fields,
)

if TYPE_CHECKING:
    from policy_router.providers.answers.embeddings import EmbeddingAnswer

FLOAT: Final = "float"
_USED: Final = ("model", "input", "dimensions", "encoding_format", "user", "metadata", "stream")


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A request for embeddings.

    Attributes:
        model: The model, alias or task that the client asked for; empty when it named none.
        inputs: The texts, or the numbers of their tokens.
        dimensions: How many numbers each embedding has; None for as many as the model gives.
        format: `float`, or `base64` for the numbers as 32-bit floats in base64.
        dropped: Fields that no model is sent.
    """

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    format: str = FLOAT
    dropped: tuple[str, ...] = ()


def read_embeddings(body: object) -> EmbeddingRequest:
    """Read a body.

    Args:
        body: The body as JSON.

    Raises:
        InvalidBodyError: It is not one of embeddings.
    """
    fields = mapping(body, "body")
    if flag(fields.get("stream"), "stream"):
        refuse("stream", "must not be true: embeddings are never streamed")
    dimensions = fields.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        refuse("dimensions", "must be an integer, at least 1")
    form = one_of(fields.get("encoding_format") or FLOAT, "encoding_format", (FLOAT, "base64"))
    return EmbeddingRequest(
        model_of(fields),
        _inputs(fields.get("input")),
        dimensions,
        form,
        tuple(unknown_fields(fields, _USED)),
    )


def _inputs(given: object) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(given, str):
        return (given,) if given else refuse("input", "must not be empty")
    items = listed(given, "input")
    if not items:
        refuse("input", "must not be empty")
    if all(type(item) is int for item in items):
        return (tuple(items),)
    inputs: list[str | tuple[int, ...]] = []
    for number, item in enumerate(items):
        if isinstance(item, list) and item and all(type(each) is int for each in item):
            inputs.append(tuple(item))
        elif isinstance(item, str) and item:
            inputs.append(item)
        else:
            refuse(f"input[{number}]", "must be a text or a list of the numbers of its tokens")
    return tuple(inputs)


def write_embeddings(answer: EmbeddingAnswer, model: str) -> dict[str, Any]:
    """The body of the answer.

    Args:
        answer: The embeddings, in the format that the client asked for.
        model: The name under which the model that answered is shown to the client.
    """
    tokens = answer.usage.prompt_tokens if answer.usage is not None else None
    body = answer.model_dump()
    body["model"] = model
    body["usage"] = {"prompt_tokens": tokens or 0, "total_tokens": tokens or 0}
    return body
