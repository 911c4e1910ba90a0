"""Whose reasoning a block contains, since only its own model accepts it again.

A conversation may continue with another model than the one that reasoned. A block of reasoning is
signed or encrypted by its provider, and every other provider refuses the whole request because of
it. So blocks carry their origin under `ORIGIN` while they are in a chat body, and no provider is
sent that field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from policy_router.domain.models import Model

ORIGIN: Final = "origin"
"""The field of a block with its origin; a block without it is sent to all who know such blocks."""
CLAUDE: Final = "claude"
GEMINI: Final = "gemini"
_FAMILIES: Final = (CLAUDE, GEMINI)
"""Models whose signatures are accepted wherever the same family is served."""


def origin_of(model: Model) -> str:
    """Whose reasoning a model writes and reads: its family, or else its provider."""
    return _origin(model.provider_model)


@lru_cache(maxsize=1024)
def _origin(provider_model: str) -> str:
    name = provider_model.lower()
    family = next((each for each in _FAMILIES if each in name), None)
    return family or name.partition("/")[0]


def own_reasoning(blocks: object, origin: str) -> list[Any]:
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


_MARK: Final = "policy-router."
_END: Final = ":"


def marked(signature: str, origin: str) -> str:
    """A signature as a client gets it, which sends it back and does not know whose it is.

    Claude's stay as they are, so that a client can also talk to Anthropic directly. Every other one
    gets a mark in front, and reasoning without a signature gets the mark alone.

    Args:
        signature: The provider's signature or encrypted reasoning; empty when there is none.
        origin: Whose it is.
    """
    is_own = signature and origin == CLAUDE
    return signature if is_own else f"{_MARK}{origin}{_END}{signature}"


def unmarked(signature: str) -> tuple[str, str]:
    """The signature that a client sent back as its provider gave it, and whose it is."""
    if not signature.startswith(_MARK):
        return signature, CLAUDE
    origin, _, own = signature.removeprefix(_MARK).partition(_END)
    return own, origin


def with_own_blocks(message: Any, origin: str) -> Any:
    """A message in Anthropic's dialect with the reasoning that a model may be sent.

    Args:
        message: The message as its client sent it.
        origin: Whose reasoning the model reads.
    """
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        return message
    blocks = [own for block in content if (own := _own_block(block, origin)) is not None]
    return message if blocks == content else {**message, "content": blocks}


_SIGNED: Final = {"thinking": "signature", "redacted_thinking": "data"}


def _own_block(block: Any, origin: str) -> Any:
    """The block without its mark; None when it is of another model."""
    kind = block.get("type") if isinstance(block, Mapping) else None
    field = _SIGNED.get(kind) if isinstance(kind, str) else None
    signature = block[field] if field is not None and field in block else None
    if not isinstance(signature, str) or not signature.startswith(_MARK):
        return block
    own, whose = unmarked(signature)
    return {**block, field: own} if own and whose == origin else None
