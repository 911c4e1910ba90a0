"""Typed, immutable values for embeddings, in the shape that OpenAI's library gives them."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.providers.answers.raw_fields import fields_of, without_none
from policy_router.providers.answers.usage import to_usage
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import Usage

Vector: TypeAlias = "tuple[float, ...] | str"
"""The numbers, or in base64 their 32-bit floats, least significant byte first."""
_STATUS: Final = 200
_FLOAT: Final = 4
"""Bytes of a number in base64."""
_NUMBERS: Final = {int, float}


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding of one input.

    Attributes:
        index: The number of the input, from 0.
        embedding: Its vector: numbers, or text where the request asks for `base64`.
    """

    index: int
    embedding: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """The embeddings of a request, as a model made them.

    Attributes:
        data: One for each input, in the order of the inputs.
        usage: What the provider counted; None when it reported nothing.
        model: The provider's name of the model.
        raw: The object or dict that the caller of the model returned, untouched.
    """

    data: tuple[Embedding, ...]
    usage: Usage | None = None
    model: str | None = None
    raw: object = field(default=None, repr=False, compare=False)

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The answer as a dict in the shape of OpenAI's list of embeddings.

        Args:
            exclude_none: Leave out fields that are None.
        """
        usage = None
        if self.usage is not None:
            tokens = self.usage.prompt_tokens or 0
            counted = {"prompt_tokens": tokens, "total_tokens": tokens}
            usage = {**counted, **fields_of(self.usage.raw)}
        fields: dict[str, object] = {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": each.index,
                    "embedding": each.embedding
                    if isinstance(each.embedding, str)
                    else list(each.embedding),
                }
                for each in self.data
            ],
            "model": self.model,
            "usage": usage,
        }
        return without_none(fields) if exclude_none else fields


def to_embeddings(value: object, inputs: int, *, as_base64: bool) -> EmbeddingAnswer:
    """The embeddings that a provider or a program returned, in the format that was asked for.

    Args:
        value: An object or a mapping in the shape of OpenAI's list of embeddings.
        inputs: How many inputs were sent.
        as_base64: Whether the vectors are wanted in base64; providers may ignore that.

    Raises:
        CallFailed: There is not exactly one vector for each input, or one is empty or no vector.
    """
    if isinstance(value, EmbeddingAnswer):
        if _is_whole(value, inputs, as_base64=as_base64):
            return value
        rows: Any = value.data
        usage, model = value.usage, value.model
    else:
        rows, model = _get(value, "data"), _get(value, "model")
        usage = to_usage(_get(value, "usage"))
    if usage is not None:
        usage = replace(usage, completion_tokens=0)  # embeddings have no output that is counted
    if not isinstance(rows, list | tuple):
        raise _malformed("an answer without embeddings")
    if len(rows) != inputs:
        raise _malformed(f"{len(rows):,} embeddings for {inputs:,} inputs")
    vectors: dict[int, Vector] = {}
    for position, row in enumerate(rows):
        number = _get(row, "index")
        if number is None:
            number = position
        if type(number) is not int or not 0 <= number < inputs or number in vectors:
            raise _malformed("embeddings that are not numbered by their inputs")
        vectors[number] = _vector(_get(row, "embedding"), as_base64=as_base64)
    return EmbeddingAnswer(
        tuple(Embedding(number, vectors[number]) for number in range(inputs)),
        usage,
        model if isinstance(model, str) else None,
        value.raw if isinstance(value, EmbeddingAnswer) else value,
    )


def check_length(answer: EmbeddingAnswer, dimensions: int | None) -> None:
    """Check that each vector has as many numbers as the request asks for.

    Some models do not know the parameter and leave it out. Their vectors would not fit into the
    caller's index.

    Args:
        answer: The embeddings.
        dimensions: How many numbers were asked for; None for any.

    Raises:
        CallFailed: One has another length. That follows from the request, so the model stays in
            use for others.
    """
    if dimensions is None:
        return
    for each in answer.data:
        size = _size(each.embedding)
        if size != dimensions:
            detail = f"vectors of {size:,} numbers, where {dimensions:,} were asked for"
            scope = FailureScope.REQUEST
            raise CallFailed(Failure(FailureKind.MALFORMED, detail, _STATUS, scope_override=scope))


def _size(vector: Vector) -> int:
    """The numbers of a vector."""
    if not isinstance(vector, str):
        return len(vector)
    return (len(vector) * 3 // 4 - vector[-2:].count("=")) // _FLOAT


def _is_whole(answer: EmbeddingAnswer, inputs: int, *, as_base64: bool) -> bool:
    """Whether an answer was read before, and in this format."""
    return len(answer.data) == inputs and all(
        each.index == number and each.embedding and isinstance(each.embedding, str) is as_base64
        for number, each in enumerate(answer.data)
    )


def _vector(given: object, *, as_base64: bool) -> Vector:
    """A vector in the format that was asked for. Raises CallFailed."""
    if isinstance(given, str):
        try:
            data = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if not data or len(data) % _FLOAT:
            raise _malformed("an embedding that is no vector in base64")
        return given if as_base64 else struct.unpack(f"<{len(data) // _FLOAT}f", data)
    if not isinstance(given, list | tuple) or not given:
        raise _malformed("an empty embedding")
    if not set(map(type, given)) <= _NUMBERS or not isfinite(sum(given)):
        raise _malformed("an embedding that is not made of numbers")
    if not as_base64:
        return tuple(given)
    try:
        packed = struct.pack(f"<{len(given)}f", *given)
    except OverflowError:
        raise _malformed("an embedding with numbers beyond the range of 32-bit floats") from None
    return base64.b64encode(packed).decode("ascii")


def _get(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _malformed(detail: str) -> CallFailed:
    return CallFailed(Failure(FailureKind.MALFORMED, detail, _STATUS))


def makes_none(name: str, by: str) -> CallFailed:
    """The failure of a model that cannot be asked for embeddings in the way it is called.

    Args:
        name: The policy's name of the model.
        by: How it is called, such as `Anthropic's API`.
    """
    detail = f"`{name}` is called by {by}, which makes no embeddings"
    return CallFailed(Failure(FailureKind.UNSUPPORTED, detail, sent=False))
