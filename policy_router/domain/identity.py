"""Identifiers of callers: bounded in length, and safe to store."""

from __future__ import annotations

import re
from hashlib import blake2b, sha256
from typing import Final


def storable(text: str) -> str:
    """A text as every store can keep it: what UTF-8 cannot say is escaped, as `\\ud800`, so that
    texts which differ still do. Done twice is done once."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


LONGEST_ID: Final = 128
"""Characters of a name that are kept as they are."""


_KEY: Final = re.compile(r"sha256:[0-9a-f]{16}")


def bounded_id(text: str) -> str:
    """A name from outside as every store can keep it, and no longer than it needs to be told from
    others: of a long one a part and a digest. Done twice is done once."""
    text = storable(text)
    if len(text) <= LONGEST_ID:
        return text
    return f"{text[:64]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"


def key_id(key: str) -> str:
    """What stands for a key, which may be a secret: the first part of its SHA-256. Done twice is
    done once."""
    if not key or _KEY.fullmatch(key):
        return key
    return f"sha256:{sha256(storable(key).encode()).hexdigest()[:16]}"
