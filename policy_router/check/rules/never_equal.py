"""a string in a condition that nothing is equal to

`==`, `in` and a mapping compare whole strings: `user == 'bot-*'` is true only for a user with
exactly that name, including the star. Spaces at the ends count as well. A request can ask only for
models and aliases of the policy, so `model` is equal to nothing else.

Bad:
    rules:
      - { name: r, when: "user == 'bot-*'", avoid: [big] }

Good:
    rules:
      - { name: r, when: "user.startswith('bot-')", avoid: [big] }
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.condition import Op
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic, Span

_MODEL: Final = "model"
_PATTERN: Final = re.compile(r"\*|^\^|\w\$$|\\[bdws]|\.\+|\(\?|\[\w-\w|^/.+/[gimsu]*$")


def check(subject: Subject) -> Iterator[Diagnostic]:
    for condition in subject.draft.conditions.values():
        for test, span in condition.places:
            fact = subject.policy.vocabulary.facts[test.fact]
            if fact.kind not in (FactType.STRING, FactType.SET) or test.op is Op.MATCHES:
                continue
            for value in map(str, test.values):
                if fact.name == _MODEL and test.op is Op.IN:
                    yield from _of_model(subject, value, span)
                elif _PATTERN.search(value):
                    as_pattern = (
                        "" if fact.kind is FactType.SET else f" or matches({fact.name}, '...')"
                    )
                    yield warning(
                        "never-equal",
                        f"`{value}` is compared letter by letter, not as a pattern",
                        span,
                        "write the whole string"
                        + (f", {fact.name}.startswith('...')" if as_pattern else "")
                        + as_pattern,
                    )
                elif len(value) > 2 and value[0] == value[-1] and value[0] in "'\"`":
                    yield warning(
                        "never-equal",
                        f"the quotes in `{value}` are part of the string",
                        span,
                        "write it with one pair of quotes",
                    )
                elif value != value.strip() and test.op is not Op.STARTS:
                    yield warning(
                        "never-equal",
                        f"`{value}` begins or ends with a space, which counts",
                        span,
                        "remove the space",
                    )


def _of_model(subject: Subject, name: str, span: Span) -> Iterator[Diagnostic]:
    policy = subject.policy
    if name == ANY_MODEL or name in policy.models_by_name or policy.alias(name) is not None:
        return
    known = [*policy.models_by_name, *(alias.name for alias in policy.aliases)]
    message = f"no request asks for `{name}`, which is neither a model nor an alias"
    yield warning("never-equal", message, span, subject.draft.hints.help_line(name, known))
