"""The manual of the rules: what each finds, why that matters, and what to write instead.

The page of a lint rule is the docstring of its module. The pages of all other rules, which belong
to the language itself, are Markdown files in `pages/`. Both are written in the same way: one line
that says what the rule finds, a text that says why it matters, and where a snippet can show it,
YAML that the rule finds (after `Bad:`) and YAML that it does not (after `Good:`).
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from policy_router.check.registry import LINT, TEXT_RULES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class RulePage:
    """The page of one rule.

    Attributes:
        name: The rule.
        summary: What the rule finds, in one line.
        text: Why it matters.
        bad: YAML that the rule finds; empty where no snippet can show it.
        good: YAML that the rule does not find; empty where no snippet can show it.
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


@cache
def names() -> tuple[str, ...]:
    """Return the names of all rules, in alphabetical order."""
    in_files = {path.name.removesuffix(_SUFFIX) for path in _folder().iterdir()}
    return tuple(sorted({*LINT, *TEXT_RULES, *in_files}))


@cache
def page(name: str) -> RulePage | None:
    """Return the page of a rule, or None when there is no such rule."""
    if name not in names():
        return None
    check = LINT.get(name) or TEXT_RULES.get(name)
    if check is not None:
        return _parse(name, sys.modules[check.__module__].__doc__ or "")
    text = _folder().joinpath(name + _SUFFIX).read_text("utf-8")
    return _parse(name, text.removeprefix(f"# {name}\n"))


_SUFFIX: Final = ".md"
_BAD: Final = "\nBad:\n"
_GOOD: Final = "\nGood:\n"


def _folder() -> Traversable:
    return files("policy_router.check").joinpath("pages")


def _parse(name: str, text: str) -> RulePage:
    prose, _, snippets = text.strip("\n").partition(_BAD)
    bad, _, good = snippets.partition(_GOOD)
    summary, _, why = prose.partition("\n")
    return RulePage(name, summary, why.strip(), _dedented(bad), _dedented(good))


def _dedented(snippet: str) -> str:
    return textwrap.dedent(snippet).strip("\n") + "\n" if snippet.strip() else ""
