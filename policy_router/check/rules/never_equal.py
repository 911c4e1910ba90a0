"""a string in a condition that is written like a pattern but compared literally

`==`, `in` and a mapping compare whole strings: `user == 'bot-*'` is true only for a user with
exactly that name, including the star. Spaces at the ends count as well.

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
from policy_router.domain.condition import Op
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

_PATTERN: Final = re.compile(r"\*|^\^|\w\$$|\\[bdws]|\.\+|\(\?|\[\w-\w|^/.+/[gimsu]*$")


def check(subject: Subject) -> Iterator[Diagnostic]:
    for condition in subject.draft.conditions.values():
        for test, span in condition.places:
            fact = subject.policy.vocabulary.facts[test.fact]
            if fact.kind not in (FactType.STRING, FactType.SET) or test.op is Op.MATCHES:
                continue
            for value in map(str, test.values):
                if _PATTERN.search(value):
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
