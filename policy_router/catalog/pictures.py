"""The maximum number of tokens that a model counts for one image, from its provider's
documentation.

A picture is scaled down before it is counted, so each family of models has a maximum. Families that
are not listed have the highest of all.
"""

from __future__ import annotations

import re
from typing import Final

_FAMILIES: Final = tuple(
    (re.compile(pattern), full, thumbnail)
    for pattern, full, thumbnail in (
        # A base and eight tiles of 512 x 512, and the base alone in low detail.
        (r"gpt-4o-mini|gpt-4o-.*mini", 2_833 + 8 * 5_667, 2_833),
        (r"gpt-4\.1-nano", 3_779, 3_779),
        (r"gpt-4\.1-mini|o4-mini|gpt-5-(?:mini|nano)(?:-\d{4}|$)", 2_642, 2_642),
        (r"gpt-4\.1|gpt-4o|chatgpt-4o|gpt-4\.5|gpt-4-(?:turbo|vision)", 85 + 8 * 170, 85),
        (r"(?:^|/)o[13](?:-|$)", 75 + 8 * 150, 75),
        (r"gpt-5(?:-chat|-codex|-pro)?(?:-\d{4}|-latest|$)", 70 + 8 * 140, 70),
        # Width times height / 750, of at most 2,000 x 2,000.
        (r"claude", 5_334, 5_334),
        # 258 for each of up to 16 tiles and for the whole; version 3 counts at most 2,240.
        (r"gemini|gemma", 17 * 258, 17 * 258),
        # 256 for each of up to six tiles and for the whole.
        (r"grok", 7 * 256, 7 * 256),
        # A token per patch of 16 x 16, of at most 1,024 x 1,024, and one per row of patches.
        (r"pixtral|mistral|ministral|magistral", 64 * 65, 64 * 65),
        # A token per patch of 28 x 28; providers allow up to this many.
        (r"qwen|qvq", 16_384, 16_384),
    )
)
HIGHEST: Final = max(full for _, full, _ in _FAMILIES)
"""Tokens of an image if the model family is unknown."""


def picture_tokens(litellm_name: str, context: int | None) -> tuple[int, int]:
    """Return the maximum number of tokens of an image.

    Args:
        litellm_name: The LiteLLM name of the model.
        context: The context of the model, which no picture can exceed; None when it is unknown.

    Returns:
        The maximum number of tokens in full detail, and in low detail.
    """
    name = litellm_name.lower()
    matching = ((full, low) for pattern, full, low in _FAMILIES if pattern.search(name))
    full, low = next(matching, (HIGHEST, HIGHEST))
    return (full, low) if context is None else (min(full, context), min(low, context))
