"""Credentials written into a policy, kept out of everything that is shown of it.

What looks like a credential is starred out, and so is whatever stands under a field that holds one.
Messages quote the user's words, and may cut them short: half a credential is starred out too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from policy_router.redaction.fields import fields
from policy_router.redaction.mask import find, mask, starred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from policy_router.diagnostics import Diagnostic

_SHOWN: Final = 6
_SHORTEST: Final = 4
"""Shorter values are in any message by chance."""


def conceal_sources(sources: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files as they may be drawn: every character in its place, credentials
    starred out."""
    shown = {}
    for name, text in sources.items():
        pieces, at = [], 0
        for written in fields(text):
            if written.start >= at:
                pieces += [text[at : written.start], starred(text[written.start : written.end])]
                at = written.end
        shown[name] = mask("".join([*pieces, text[at:]]))
    return shown


def conceal(found: Iterable[Diagnostic], sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """The same diagnostics, with no credential of the sources in their words."""
    secrets = {text[start:end] for text in sources.values() for start, end in find(text)}
    named = {
        text[written.start : written.end]
        for text in sources.values()
        for written in fields(text)
        if written.single and written.end - written.start >= _SHORTEST
    }
    for diagnostic in found:
        words = [diagnostic.message, diagnostic.help, *(said for said, _ in diagnostic.related)]
        message, help_, *related = (_starred(text, secrets, named) for text in words)
        yield replace(
            diagnostic,
            message=message,
            help=help_,
            related=tuple(
                (said, span) for said, (_, span) in zip(related, diagnostic.related, strict=True)
            ),
        )


def _starred(text: str, secrets: Iterable[str], named: Iterable[str]) -> str:
    for secret in named:
        text = _without(text, secret)
    for secret in secrets:
        at = text.find(secret[: _SHOWN + 2])
        while at >= 0:
            alike = (text[at + n : at + n + 1] == char for n, char in enumerate(secret))
            cut = sum(takewhile(bool, alike))
            text = text[: at + _SHOWN] + "*" * (cut - _SHOWN) + text[at + cut :]
            at = text.find(secret[: _SHOWN + 2], at)
    return mask(text)


def _without(text: str, value: str) -> str:
    """The text without a value, whole or cut short by `...`."""
    if value in text:
        ends = (r"(?<!\w)" if value[0].isalnum() else "", r"(?!\w)" if value[-1].isalnum() else "")
        text = re.sub(ends[0] + re.escape(value) + ends[1], "***", text)
    head = value[:8]
    at = text.find(head) if len(value) > len(head) else -1
    while at >= 0:
        alike = (text[at + n : at + n + 1] == char for n, char in enumerate(value))
        text = text[:at] + "***" + text[at + sum(takewhile(bool, alike)) :]
        at = text.find(head, at)
    return text
