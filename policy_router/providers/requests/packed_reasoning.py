"""The reasoning of any model as the encrypted content of a reasoning item.

A client sends the items back as they are. What is encrypted here is only packed: the blocks that a
model signed, with whose they are in front. Content without that mark is OpenAI's own.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from policy_router.providers.requests.reasoning_origin import ORIGIN, marked, unmarked

OPENAI: Final = "openai"


def pack(block: dict[str, Any], origin: str) -> str:
    """A block of reasoning as encrypted content.

    Args:
        block: The block as its provider gave it.
        origin: Whose it is.
    """
    if origin == OPENAI:
        return str(block.get("data") or "")
    packed = base64.b64encode(json.dumps(block).encode()).decode("ascii")
    return marked(packed, f"{_PACKED}{origin}")


_PACKED: Final = "packed."


def unpack(content: str) -> dict[str, Any] | None:
    """The block in an encrypted content, with its origin; None if it is damaged."""
    packed, origin = unmarked(content)
    if not origin.startswith(_PACKED):
        return {"type": "redacted_thinking", "data": content, ORIGIN: OPENAI}
    try:
        block = json.loads(base64.b64decode(packed, validate=True))
    except (ValueError, RecursionError, binascii.Error):
        return None
    return {**block, ORIGIN: origin.removeprefix(_PACKED)} if isinstance(block, dict) else None
