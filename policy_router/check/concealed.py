"""Credentials written into a policy, kept out of what is said about it.

A message quotes the user's words, and may cut them short: half a credential is starred out too.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from policy_router.secrets import find, mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from policy_router.diagnostics import Diagnostic

_SHOWN: Final = 6


def conceal(found: Iterable[Diagnostic], sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """The same diagnostics, with no credential of the sources in their words."""
    secrets = {text[start:end] for text in sources.values() for start, end in find(text)}
    for diagnostic in found:
        words = [diagnostic.message, diagnostic.help, *(said for said, _ in diagnostic.related)]
        message, help_, *related = (_starred(text, secrets) for text in words)
        yield replace(
            diagnostic,
            message=message,
            help=help_,
            related=tuple(
                (said, span) for said, (_, span) in zip(related, diagnostic.related, strict=True)
            ),
        )


def _starred(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        at = text.find(secret[: _SHOWN + 2])
        while at >= 0:
            alike = (text[at + n : at + n + 1] == char for n, char in enumerate(secret))
            cut = sum(takewhile(bool, alike))
            text = text[: at + _SHOWN] + "*" * (cut - _SHOWN) + text[at + cut :]
            at = text.find(secret[: _SHOWN + 2], at)
    return mask(text)
