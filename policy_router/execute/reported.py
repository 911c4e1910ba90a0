"""The usage that a provider itself reported in a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.execute.shape import usage

if TYPE_CHECKING:
    from collections.abc import Iterable


def reported(chunks: Iterable[Any]) -> Any:
    """The usage in these chunks as they came; None when none has any. Where several have one, they
    count what came so far: the one with the most tokens, and the last of equals."""
    found, most = None, -1
    for chunk in chunks:
        used = getattr(chunk, "usage", None)
        if used is None:
            continue
        counted = usage(chunk)
        tokens = (counted.tokens_in or 0) + (counted.tokens_out or 0)
        if tokens >= most:
            found, most = used, tokens
    return found
