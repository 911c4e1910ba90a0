"""a function of your program that the policy calls

It is called with text from a prompt or an answer. So the program that opens the router must allow
it by name, in `Router.open(functions=...)` or with `run --allow-function`; until then the router
refuses the policy.

Bad:
    tasks:
      form: { accept: { python: "my_checks:good" } }

Good:
    tasks:
      form: { accept: { json: true } }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import note
from policy_router.language.compile.functions import functions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for name, purpose, span in functions_of(subject.policy):
        yield note(
            "calls-own-function",
            f"the policy calls `{name}` {purpose}; the program that opens the router must allow it",
            span,
        )
