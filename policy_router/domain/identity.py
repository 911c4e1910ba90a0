"""Identifiers of callers, bounded in length and safe to store."""

from __future__ import annotations

import re
from hashlib import blake2b, sha256
from typing import Final


def storable(text: str) -> str:
    """A text that every store can keep.

    Characters that UTF-8 cannot encode are escaped, as `\\ud800`, so that different texts stay
    different. Idempotent.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


LONGEST_ID: Final = 128
"""The longest identifier that is kept as it is, in characters."""


_KEY: Final = re.compile(r"sha256:[0-9a-f]{16}")


def bounded_id(text: str) -> str:
    """A caller's identifier in a form that every store can keep.

    A long one is replaced by its first 64 characters and a digest, which keep it distinct from
    others. Idempotent.
    """
    text = storable(text)
    if len(text) <= LONGEST_ID:
        return text
    return f"{text[:64]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"


def key_id(key: str) -> str:
    """The identifier of a key, which may be a secret: a prefix of its SHA-256 digest.

    Idempotent.
    """
    if not key or _KEY.fullmatch(key):
        return key
    return f"sha256:{sha256(storable(key).encode()).hexdigest()[:16]}"


def is_key_id(text: str) -> bool:
    """Whether a text is the identifier of a key, as `key_id` makes it."""
    return _KEY.fullmatch(text) is not None
