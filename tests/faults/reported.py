"""Where LiteLLM, or the HTTP client that it uses, reports something else of a fault.

None of these gives out a broken answer, costs more than was reserved, or keeps a model from others
for longer than the usual consequence of the fault.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.faults.dialects import TEXT
from tests.faults.expected import Expected

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOST: Final = (Expected("connection_lost"),)
"""httpx has one exception for what is no HTTP and for a connection that is lost."""
_UNREAD: Final = (Expected("malformed"), Expected("empty"), Expected("empty", billed="counted"))
"""It cannot read an answer without a message or without choices, or makes an empty one of it."""
_REFUSED: Final = (Expected("malformed"),)
"""It cannot read a good answer because of what stands beside the text."""
_BROKEN: Final = (Expected("malformed", began=True), Expected("connection_lost", began=True))
_CONFUSED: Final = (
    Expected("malformed"),
    Expected("malformed", billed="counted"),
    Expected(None, billed="estimated", text=TEXT),
)
"""It loses the count of tokens by a line that is no event, and all of an answer of Gemini."""

IN_LITELLM: Final[Mapping[str, tuple[Expected, ...]]] = MappingProxyType(
    {
        "no HTTP but SSH": _LOST,
        "a bad status line": _LOST,
        "bare JSON": _LOST,
        "a header that is none": _LOST,
        "a header of 200 kB": _LOST,
        "two lengths": _LOST,
        "a bad chunk": _LOST,
        "fine-in-few-words": _REFUSED,  # see `LIES`
        "fine-without-usage": _REFUSED,
        "no message": _UNREAD,
        "message null": _UNREAD,
        "choices null": _UNREAD,
        "choices a text": _UNREAD,
        "choices that are null, and no end": _UNREAD,
        "usage texts": _REFUSED,
        "usage nested": _REFUSED,
        "usage booleans": (Expected(None, text=TEXT),),
        "lines end with CR": _BROKEN,
        "a delta that is null": _BROKEN,
        "comments between events": _CONFUSED,
        "retry and id lines": _CONFUSED,
        "a byte order mark": _CONFUSED,
        "a comment of 1 MB": _CONFUSED,
        "a line that is no JSON": (Expected("connection_lost", began=True, billed="counted"),),
        "[DONE] early": (Expected(None, text=TEXT),),  # it reads on, to the end
        "reset after the end": _BROKEN,
        "no end of the connection's body": _BROKEN,
    }
)
"""What may follow instead, by the name of the fault."""
