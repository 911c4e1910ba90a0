"""a comparison that is always true or never true

The number can only be on one side of the constant.

Bad:
    rules:
      - { name: r, when: hour >= 24 or 'night' in tags, avoid: [big] }

Good:
    rules:
      - { name: r, when: hour >= 22 or 'night' in tags, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.condition import All, Any, Kind, Not, Test, Tree, spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, vocabulary = subject.regions, subject.policy.vocabulary
    for source in subject.regions.sources:
        if source.rule is None or source.boxes == ():
            continue  # a dead rule is reported as a whole
        when = subject.policy.rules[source.rule].when
        if when is None:
            continue
        bounds = set(_bounds(when.tree))
        for test, span in when.places:
            fact = vocabulary.facts[test.fact]
            if fact.kind is not Kind.NUMBER:
                continue
            dimension, cells = regions.space.cells(test)
            live = regions.space.dimensions[dimension].live
            if not cells or (cells == live and test not in bounds):
                low = "" if fact.low is None else f"{fact.low:g}"
                high = "" if fact.high is None else f"{fact.high:g}"
                yield warning(
                    "constant-test",
                    f"`{spell(test, vocabulary)}` is {'always' if cells else 'never'} true",
                    span,
                    f"`{fact.name}` goes from {low}" + (f" to {high}" if high else " up"),
                )


def _bounds(tree: Tree) -> Iterator[Test]:
    """Tests that are one end of a range, as in `0 <= tokens < 500`: spelling out the natural end
    is no mistake."""
    match tree:
        case Not(part):
            yield from _bounds(part)
        case All(parts) | Any(parts):
            tests = [p for p in parts if isinstance(p, Test)]
            if isinstance(tree, All):
                about = [t.fact for t in tests]
                yield from (t for t in tests if about.count(t.fact) > 1)
            for part in parts:
                yield from _bounds(part)
        case Test():
            return
