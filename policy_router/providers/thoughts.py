"""Whose reasoning a block contains, since only its own model accepts it again.

A conversation may go on with another model than the one that reasoned. A block of reasoning is
signed or encrypted by its provider, and every other provider refuses the whole request because of
it. So blocks carry their origin under `ORIGIN` while they are in a chat body, and no provider is
sent that field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from policy_router.domain.models import Model

ORIGIN: Final = "origin"
"""The field of a block with its origin; a block without it is sent to all who know such blocks."""
CLAUDE: Final = "claude"
_FAMILIES: Final = (CLAUDE, "gemini")
"""Models whose signatures are accepted wherever the same family is served."""


def origin_of(model: Model) -> str:
    """Whose reasoning a model writes and reads: its family, or else its provider."""
    name = model.provider_model.lower()
    family = next((each for each in _FAMILIES if each in name), None)
    return family or name.partition("/")[0]


def own_thoughts(blocks: object, origin: str) -> list[Any]:
    """The blocks that a model may be sent, without their origin.

    Args:
        blocks: The `thinking_blocks` of a message.
        origin: Whose reasoning the model reads.
    """
    return [
        {name: value for name, value in block.items() if name != ORIGIN}
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, Mapping) and block.get(ORIGIN, origin) == origin
    ]
