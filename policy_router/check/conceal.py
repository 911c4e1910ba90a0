"""Masks the credentials of a policy in everything that is shown of it.

What looks like a credential is masked, and so is the value of every field for credentials. Messages
quote the policy and may truncate it, so parts of credentials are masked too.
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
"""Characters; shorter values occur in any message by chance."""


def conceal_sources(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of files for display, with credentials masked and every column kept."""
    shown = {}
    for name, text in sources.items():
        pieces, end = [], 0
        for written in fields(text):
            if written.start >= end:
                pieces += [text[end : written.start], starred(text[written.start : written.end])]
                end = written.end
        shown[name] = mask("".join([*pieces, text[end:]]))
    return shown


def conceal(findings: Iterable[Diagnostic], sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield the same diagnostics without the credentials of the sources in their messages."""
    secrets = {text[start:end] for text in sources.values() for start, end in find(text)}
    named = {
        text[written.start : written.end]
        for text in sources.values()
        for written in fields(text)
        if written.single and written.end - written.start >= _SHORTEST
    }
    for finding in findings:
        texts = [finding.message, finding.help, *(label for label, _ in finding.related)]
        message, help_, *related = (_masked(text, secrets, named) for text in texts)
        yield replace(
            finding,
            message=message,
            help=help_,
            related=tuple(
                (label, span) for label, (_, span) in zip(related, finding.related, strict=True)
            ),
        )


def _masked(text: str, secrets: Iterable[str], named: Iterable[str]) -> str:
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
    """Return a text without a value, be it whole or truncated by `...`."""
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
