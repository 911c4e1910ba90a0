"""Citations of web pages in an answer, as chat completions and as responses have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_URL: Final = "url_citation"
_PLACES: Final = ("start_index", "end_index")


def chat_citation(annotation: Mapping[str, Any], after: int = 0) -> dict[str, Any] | None:
    """A citation of a response as one of a chat completion; None for another annotation.

    Args:
        annotation: The annotation of a part of a message.
        after: Characters of the message that stand before that part.
    """
    if annotation.get("type") != _URL:
        return None
    inner = {
        name: value + after if name in _PLACES and isinstance(value, int) else value
        for name, value in annotation.items()
        if name != "type"
    }
    return {"type": _URL, _URL: inner}


def response_citations(raw: object) -> list[dict[str, Any]]:
    """The citations of a message or a delta of a chat completion as those of a response.

    Args:
        raw: The message or the delta as its provider sent it.
    """
    given = raw.get("annotations") if isinstance(raw, Mapping) else None
    return [
        {"type": _URL, **each[_URL]}
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, Mapping) and isinstance(each.get(_URL), Mapping)
    ]
