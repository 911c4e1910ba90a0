"""Finds credentials in a text by what they look like, to mask or remove them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.redaction.patterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.redaction.patterns import CredentialPattern

_STRICT: Final = tuple(pattern for pattern in PATTERNS if not pattern.loose)
_UNMISTAKABLE: Final = tuple(
    pattern for pattern in _STRICT if pattern.name in ("provider key", "random text", "private key")
)
_MASKED: Final = re.compile(r"[*\s]*")


def find(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of every credential that is recognised by its form alone, in order."""
    return [(start, end) for start, end, _ in _spans(text, _UNMISTAKABLE)]


def mask(text: str) -> str:
    """Return a text of the same length with stars in place of credentials.

    Includes what a name or an address marks as a credential. The prefix of a key that identifies
    the provider stays.
    """
    # Repeated, because a credential that was joined to another stands alone once that is masked.
    while spans := _spans(text, _STRICT):
        for start, end, keep in spans:
            text = text[: start + keep] + starred(text[start + keep : end]) + text[end:]
    return text


def remove(text: str, replacement: str = "***") -> str:
    """Return a text from outside without credentials and without anything that might be one."""
    for start, end, _ in reversed(_spans(text, PATTERNS)):
        text = text[:start] + replacement + text[end:]
    return text


def starred(text: str) -> str:
    """Return stars in place of everything but white space."""
    return re.sub(r"\S", "*", text)


def _spans(text: str, patterns: Sequence[CredentialPattern]) -> list[tuple[int, int, int]]:
    """Return (start, end, characters that may be shown) of each credential, without overlaps."""
    spans = []
    for pattern in patterns:
        for match in pattern.pattern.finditer(text):
            start, end = match.span(match.lastindex or 0) if pattern.keep == 0 else match.span()
            is_masked = _MASKED.fullmatch(text, start + pattern.keep, end)
            if not is_masked and pattern.counts(match):
                spans.append((start, end, pattern.keep))
    merged: list[tuple[int, int, int]] = []
    for start, end, keep in sorted(spans, key=lambda span: (span[0], -span[2])):
        if merged and start < merged[-1][1]:
            first, last, first_keep = merged[-1]
            merged[-1] = first, max(last, end), first_keep
        else:
            merged.append((start, end, keep))
    return merged
