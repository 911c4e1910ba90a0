"""Text of policies, callers and servers in Markdown: it stays what it is, whatever it contains."""

from __future__ import annotations

import re
from typing import Final

from policy_router.diagnostics import printable

_CODE: Final = re.compile(r"(`[^`|\\]+`)")
"""What can stand as code, since nothing in it has an effect there, even in a cell of a table."""
_SAFE: Final = str.maketrans({
    "&": "&amp;", "<": "&lt;", "@": "&#64;", **{mark: f"\\{mark}" for mark in "\\`|*~[]#"},
})  # fmt: skip
"""Without these there is no HTML, link, picture, mention of a person, heading or new cell."""
_EDGE: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""A `_` at the edge of a word; one within a word emphasizes nothing."""


def markdown_text(text: str) -> str:
    """Return a text for a line or a cell of Markdown; names in backticks stay code."""
    parts = _CODE.split(printable(text))
    parts[::2] = [_EDGE.sub(r"\_", part.translate(_SAFE)) for part in parts[::2]]
    return "".join(parts)
