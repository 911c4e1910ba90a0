"""a name that looks like another but is different

Letters of two alphabets in one word, or two names that differ only in case, in `l` and `1`, or in
letters that look the same: a rule about one of them has no effect on the other.

Bad:
    rules:
      - { name: a, when: { tags: private }, avoid: [big] }
      - { name: b, when: { tags: Private }, first: [local] }

Good:
    rules:
      - { name: a, when: { tags: private }, avoid: [big] }
      - { name: b, when: { tags: private }, first: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.disguised_text import look_alike, script, skeletons
from policy_router.check.strings import strings
from policy_router.check.subject import warning
from policy_router.domain.condition import Op
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic, Span

_LEAST: Final = 3
"""Characters; shorter names are easily distinguished."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    mixed = set()
    for path, value, kind in strings(subject.draft.document):
        if kind not in ("prose", "prompt", "address") and look_alike(value):
            mixed.add(value)
            odd = next(char for char in value if not char.isascii() and script(char))
            yield warning(
                "look-alike",
                f"`{value}` mixes letters of two alphabets that look the same, such as "
                f"U+{ord(odd):04X}",
                subject.draft.places.value(path),
                "type it again",
            )
    for names in _spaces(subject):
        seen: dict[str, tuple[str, Span | None]] = {}
        for name, span in names:
            if len(name) < _LEAST or name in mixed:
                continue
            keys = skeletons(name)
            first, where = next((seen[key] for key in keys if key in seen), (name, span))
            seen.update(dict.fromkeys(keys, (name, span)))
            if first != name:
                yield warning(
                    "look-alike",
                    f"`{name}` looks like `{first}` but is another name",
                    span,
                    "make both equal, or choose names that differ more",
                    *((("the other", where),) if where else ()),
                )


def _spaces(subject: Subject) -> Iterator[list[tuple[str, Span | None]]]:
    """Yield groups of names that could be confused.

    They are the names that select models, the values that one fact is compared with, and the
    names of each section.
    """
    document, places = subject.draft.document, subject.draft.places
    selectors: dict[str, Span | None] = {}
    for name, model in (document.models or {}).items():
        selectors.setdefault(name, places.key(("models", name)))
        for i, tag in enumerate(model.tags or ()):
            selectors.setdefault(tag, places.value(("models", name, "tags", i)))
    for i, tier in enumerate(document.tiers or ()):
        selectors.setdefault(tier, places.value(("tiers", i)))
    yield list(selectors.items())
    for section in ("tasks", "limits", "budgets", "attributes", "experiments", "prompts"):
        entries = getattr(document, section) or {}
        yield [(name, places.key((section, name))) for name in entries]
    for name, values in (document.attributes or {}).items():
        if isinstance(values, list):
            yield [(v, places.value(("attributes", name, i))) for i, v in enumerate(values)]
    facts: dict[int, dict[str, Span | None]] = {}
    for condition in subject.draft.conditions.values():
        for test, span in condition.places:
            fact = subject.policy.vocabulary.facts[test.fact]
            if fact.kind in (FactType.SET, FactType.STRING) and test.op in (Op.HAS, Op.IN):
                compared = facts.setdefault(test.fact, {})
                for value in test.values:
                    compared.setdefault(str(value), span)
    for compared in facts.values():
        yield list(compared.items())
