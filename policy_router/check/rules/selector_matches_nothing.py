"""a selector that matches no model

A limit, budget or rule without models has no effect, whatever it seems to say. In a pattern, `*`
and `?` are wildcards and brackets match one of several characters: `[local]` is one letter, not the
tag `local`.

Bad:
    rules:
      - { name: r, when: { tags: cheap }, avoid: ["opnai/*"] }

Good:
    rules:
      - { name: r, when: { tags: cheap }, avoid: ["openai/*"] }
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning
from policy_router.language.compile.selectors import PRICES, known_words

_BRACKETS: Final = re.compile(r"\[([^\]]*)(\]?)")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    places, policy = subject.draft.places, subject.policy
    selectors = known_words(policy.models, policy.tiers)
    for path, (word, models) in subject.draft.selected.items():
        literal = _literal(word)
        if literal is not None and (not models or literal in selectors):
            yield warning(
                "selector-matches-nothing",
                f"in `{word}` the brackets match one of the characters inside",
                places.value(path),
                f"did you mean `{literal}`?"
                if literal in selectors
                else "write it without brackets",
            )
            continue
        if models or (path[-2] in ("avoid", "never") and _guards(subject, word)):
            continue
        close = subject.draft.hints.did_you_mean(word, selectors)
        yield warning(
            "selector-matches-nothing",
            f"`{word}` selects no model",
            places.value(path),
            f"did you mean `{close}`?" if close else "name a model, a tier, a tag or a pattern",
        )


def _literal(word: str) -> str | None:
    """Return a pattern without its brackets if they contain a word or are not closed, or None."""
    brackets = _BRACKETS.search(word)
    if brackets is None or not (len(brackets[1]) > 2 or not brackets[2]):
        return None
    return word.replace("[", "").replace("]", "")


def _guards(subject: Subject, word: str) -> bool:
    """Whether excluding what a word selects makes sense before there is any such model."""
    provider = subject.draft.catalog.provider(word)
    return word in PRICES or provider in subject.draft.catalog.providers
