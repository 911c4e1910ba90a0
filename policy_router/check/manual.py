"""The manual: what every rule finds, why that matters, and how to write it instead."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from policy_router.check import shortened, suppressions, undecided
from policy_router.check.language_rules import PAGES
from policy_router.check.registry import LINT, TEXT_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RulePage:
    """What a rule's page says.

    summary: what it finds, in one line. text: why that matters. bad, good: snippets of YAML, one
    that the rule finds and one that it does not; empty where no snippet can show it.
    """

    name: str
    summary: str
    text: str
    bad: str = ""
    good: str = ""

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.summary}", self.text]
        for title, snippet in (("Bad:", self.bad), ("Good:", self.good)):
            if snippet:
                parts.append(f"{title}\n{textwrap.indent(snippet, '    ').rstrip()}")
        return "\n\n".join(part for part in parts if part)


def names() -> tuple[str, ...]:
    """Every rule that has a page, in the order of the alphabet."""
    return tuple(sorted(_pages()))


def page(name: str) -> RulePage | None:
    """The page of a rule, or None when there is no such rule."""
    return _pages().get(name)


@cache
def _pages() -> Mapping[str, RulePage]:
    modules = {
        name: sys.modules[check.__module__] for name, check in {**LINT, **TEXT_RULES}.items()
    }
    texts = {name: module.__doc__ or "" for name, module in modules.items()}
    texts[suppressions.UNUSED] = suppressions.PAGE
    texts[undecided.UNDECIDED] = undecided.PAGE
    texts[shortened.MORE] = shortened.PAGE
    return {name: _read(name, text) for name, text in {**texts, **PAGES}.items()}


_BAD: Final = "\nBad:\n"
_GOOD: Final = "\nGood:\n"


def _read(name: str, text: str) -> RulePage:
    said, _, snippets = text.strip("\n").partition(_BAD)
    bad, _, good = snippets.partition(_GOOD)
    summary, _, why = said.partition("\n")
    return RulePage(name, summary, why.strip(), _snippet(bad), _snippet(good))


def _snippet(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n" if text.strip() else ""
