"""Marks the signatures of reasoning that clients keep with the model that it comes from.

A client sends back the reasoning that it got, and does not know which model wrote it. Claude's
signatures stay as they are, so that a client can also talk to Anthropic directly; every other one
gets a mark in front, and reasoning without a signature gets the mark alone.
"""

from __future__ import annotations

from typing import Final

from policy_router.providers.thoughts import CLAUDE

_MARK: Final = "policy-router."
_END: Final = ":"


def marked(signature: str, origin: str) -> str:
    """A signature as a client gets it.

    Args:
        signature: The provider's signature or encrypted reasoning; empty when there is none.
        origin: Whose it is.
    """
    is_own = signature and origin == CLAUDE
    return signature if is_own else f"{_MARK}{origin}{_END}{signature}"


def unmarked(signature: str) -> tuple[str, str]:
    """The signature that a client sent back as its provider gave it, and whose it is."""
    if not signature.startswith(_MARK):
        return signature, CLAUDE
    origin, _, own = signature.removeprefix(_MARK).partition(_END)
    return own, origin
