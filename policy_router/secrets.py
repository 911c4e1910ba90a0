"""What looks like a credential in a text, so that it can be reported and never be printed."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

# The prefixes that providers give their keys, and what follows them.
_PREFIXED: Final = re.compile(
    r"\b(?:sk-(?:ant-|proj-|or-v1-|svcacct-)[A-Za-z0-9_-]{16,}"
    r"|AIza[A-Za-z0-9_-]{30,}"
    r"|gsk_[A-Za-z0-9]{20,}"
    r"|hf_[A-Za-z0-9]{20,}"
    r"|xai-[A-Za-z0-9]{20,}"
    r"|gh[opsur]_[A-Za-z0-9]{30,}"
    r"|github_pat_[A-Za-z0-9_]{30,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|A(?:KIA|SIA)[A-Z0-9]{16}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)"
)
# A key whose prefix is that short has a long run in it; names have words between their dashes.
_BARE: Final = re.compile(r"\bsk-([A-Za-z0-9_-]{16,})")
_RUN: Final = re.compile(r"[A-Za-z0-9]{16}")
# One long run without a separator that holds small and capital letters and several digits.
_RANDOM: Final = re.compile(r"(?<![A-Za-z0-9_/+.-])[A-Za-z0-9_+]{32,}={0,2}(?![A-Za-z0-9_/+.-])")
_KEPT: Final = 6  # fewer than any credential has


def find(text: str) -> list[tuple[int, int]]:
    """Where credentials stand in a text: [start, end) of each, in order."""
    found = [m.span() for m in _PREFIXED.finditer(text)]
    found += [m.span() for m in _BARE.finditer(text) if _is_key(m[1])]
    found += [m.span() for m in _RANDOM.finditer(text) if _is_random(m.group())]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if not merged or start >= merged[-1][1]:
            merged.append((start, end))
    return merged


def mask(text: str) -> str:
    """The text with every credential starred out but for its first letters; as long as before."""
    # Again, because one that was glued to another stands alone once that is starred out.
    while found := find(text):
        for start, end in found:
            keep = start + _KEPT
            text = text[:keep] + "*" * (end - keep) + text[end:]
    return text


def _is_key(tail: str) -> bool:
    return _RUN.search(tail) is not None and any(c.isdigit() or c.isupper() for c in tail)


def _is_random(run: str) -> bool:
    digits = sum(c.isdigit() for c in run)
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(run))
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run)
    # Names such as SOME_VARIABLE_1 or CamelCase2Words have few changes between kinds.
    return mixed and digits >= 4 and changes >= 5
