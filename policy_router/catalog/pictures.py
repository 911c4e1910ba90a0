"""The most tokens that a model counts for one picture, by what its provider documents.

A picture is scaled down before it is counted, so each family has a maximum. Families that are not
here get the highest of all.
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
        # 258 for each of up to 16 tiles and the whole; version 3 counts 2,240 at the most.
        (r"gemini|gemma", 17 * 258, 17 * 258),
        # 256 for each of up to six tiles and the whole.
        (r"grok", 7 * 256, 7 * 256),
        # A token for each patch of 16 x 16, of at most 1,024 x 1,024, and one for each row.
        (r"pixtral|mistral|ministral|magistral", 64 * 65, 64 * 65),
        # A token for each patch of 28 x 28, of which providers allow up to so many.
        (r"qwen|qvq", 16_384, 16_384),
    )
)
HIGHEST: Final = max(full for _, full, _ in _FAMILIES)
"""Tokens of a picture where the model's family is not known."""


def picture_tokens(calls: str, context: int | None) -> tuple[int, int]:
    """The most tokens of a picture in full detail and in low detail, for a LiteLLM name. No picture
    takes more than the context holds."""
    name = calls.lower()
    found = ((full, low) for pattern, full, low in _FAMILIES if pattern.search(name))
    full, low = next(found, (HIGHEST, HIGHEST))
    return (full, low) if context is None else (min(full, context), min(low, context))
