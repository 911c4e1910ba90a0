"""a selector that stands for no model

A limit, budget or rule that selects nothing does nothing, however it reads.

Bad:
    rules:
      - { name: r, when: { tags: cheap }, avoid: ["opnai/*"] }

Good:
    rules:
      - { name: r, when: { tags: cheap }, avoid: ["openai/*"] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.language.selectors import PRICES, known_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    places, policy = subject.draft.places, subject.policy
    words = known_words(policy.models, policy.tiers)
    for path, (word, models) in subject.draft.selected.items():
        if models or (path[-2] in ("avoid", "never") and _guards(subject, word)):
            continue
        close = subject.draft.hints.did_you_mean(word, words)
        yield warning(
            "selector-matches-nothing",
            f"`{word}` selects no model",
            places.value(path),
            f"did you mean `{close}`?" if close else "name a model, a tier, a tag or a pattern",
        )


def _guards(subject: Subject, word: str) -> bool:
    """Whether to keep clear of what a word stands for is sound before there is any such model."""
    provider = subject.draft.catalog.provider(word)
    return word in PRICES or provider in subject.draft.catalog.providers
