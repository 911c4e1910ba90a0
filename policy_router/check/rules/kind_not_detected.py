"""a condition that tests `detected` for a kind of text that requests are not searched for

Requests are searched for the kinds that `detect` lists. A rule about another kind never applies, so
that what it should protect is not protected.

Bad:
    detect: [email]
    rules:
      - { name: r, when: { detected: card }, only: [local] }

Good:
    detect: [email, card]
    rules:
      - { name: r, when: { detected: card }, only: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import error
from policy_router.domain.condition import DETECTED
from policy_router.domain.detection import Sensitive
from policy_router.suggest import help_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    listed = subject.policy.detect
    for condition in subject.draft.conditions.values():
        for test, span in condition.places:
            kinds = test.values if test.fact == DETECTED else ()
            for kind in map(str, kinds):
                if kind not in list(Sensitive):
                    message = f"`{kind}` is not a kind of text that can be looked for"
                    yield error("kind-not-detected", message, span, help_line(kind, Sensitive))
                elif kind not in listed:
                    message = f"`{kind}` is never found, because requests are not searched for it"
                    complete = ", ".join([*listed, kind])
                    yield error("kind-not-detected", message, span, f"write  detect: [{complete}]")
