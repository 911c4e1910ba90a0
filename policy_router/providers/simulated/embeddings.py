"""Builds embeddings in OpenAI's format as plain data."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.simulated.behaviour import Say

_LENGTH: Final = 4
"""Numbers of a vector, unless the request says how many."""


def answer(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any]:
    """An embedding for each input; equal inputs have equal vectors, different for each model."""
    inputs = _inputs(body.get("input", ""))
    length = body.get("dimensions") or _LENGTH
    data = []
    for index, given in enumerate(inputs):
        seed = sum(f"{model} {given}".encode())
        vector = [(seed * (place + 1) % 128) / 128 for place in range(length)]
        packed: Any = vector
        if body.get("encoding_format") == "base64":
            packed = base64.b64encode(struct.pack(f"<{length}f", *vector)).decode("ascii")
        data.append({"object": "embedding", "index": index, "embedding": packed})
    whole = {"object": "list", "data": data, "model": model}
    if say.usage is None:
        return whole
    if not isinstance(say.usage, str):
        return {**whole, "usage": dict(say.usage)}
    count = sum(len(each.split()) if isinstance(each, str) else len(each) for each in inputs)
    return {**whole, "usage": {"prompt_tokens": count, "total_tokens": count}}


def _inputs(given: Any) -> list[Any]:
    """The inputs one by one: texts, or lists of the numbers of tokens."""
    alone = isinstance(given, str) or all(isinstance(each, int) for each in given)
    return [given] if alone else list(given)
