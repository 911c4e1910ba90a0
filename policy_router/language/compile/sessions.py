"""The section `sessions`: what stays the same from one request of a session to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.sessions import Sessions
from policy_router.language.compile.values import given

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_sessions(resolver: Resolver) -> Sessions:
    """How the policy treats sessions; by default each request is decided on its own."""
    shape, default = resolver.draft.document.sessions, Sessions()
    if shape is None:
        return default
    return Sessions(given(shape.keep, default.keep), given(shape.for_, default.lasts))
