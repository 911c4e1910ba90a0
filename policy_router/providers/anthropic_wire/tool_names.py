"""Names of tools in the form that Anthropic's format accepts."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ACCEPTED: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEPT: Final = 40
"""Characters of a name that is too long which its short form begins with."""


def sent_name(name: str) -> str:
    """The name of a tool as it is sent: itself, or its beginning with a digest of it."""
    if _ACCEPTED.fullmatch(name):
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '_', name)[:_KEPT]}_{digest}"


def original_names(names: Iterable[str]) -> Mapping[str, str]:
    """The original name of each tool whose name is sent in another form, by the sent name."""
    return {sent: name for name in names if (sent := sent_name(name)) != name}
