"""Token estimates without a tokenizer."""

from __future__ import annotations

import math
from string import ascii_letters
from typing import Final, NamedTuple

_CHEAP: Final = (ascii_letters + " ").encode()
_LETTERS_PER_TOKEN: Final = 4
_EXPENSIVE: Final = 0.75
"""Tokens per byte of anything but ASCII letters and spaces."""
_MARGIN: Final = 1.15
"""Tokenizers differ; with this factor the estimate is above o200k and cl100k."""


class Weight(NamedTuple):
    """The size of a JSON value.

    Attributes:
        tokens: Estimate of the tokens of all its texts, keys and numbers.
        most: An upper bound on its size as JSON, in bytes.
    """

    tokens: int
    most: int


def text_size(text: str, tokens: int = 0, extra: int = 0) -> Weight:
    """Return the weight of a text.

    ASCII letters and spaces take few tokens, anything else takes more.

    Args:
        text: The text.
        tokens: Tokens that are counted apart from it.
        extra: Bytes that are counted apart from it.
    """
    data = text.encode("utf-8", "surrogatepass")
    expensive = len(data.translate(None, _CHEAP))
    cheap = len(data) - expensive
    estimate = math.ceil((cheap / _LETTERS_PER_TOKEN + expensive * _EXPENSIVE) * _MARGIN)
    return Weight(estimate + tokens, len(data) + extra)
