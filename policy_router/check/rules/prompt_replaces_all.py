"""a prompt that throws away the instructions of every caller

With `place: replace` and without a condition, a model never sees a caller's own system text. The
rules of conduct, the formats and the safety instructions that programs put there are lost without a
trace. A condition says which callers are meant.

Bad:
    prompts:
      terse: { models: [big], system: Be brief., place: replace }

Good:
    prompts:
      terse: { models: [big], system: Be brief., place: before }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.domain.prompts import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for prompt in subject.policy.prompts:
        replaces = prompt.place is Placement.REPLACE and prompt.system is not None
        if replaces and prompt.when is None:
            yield warning(
                "prompt-replaces-all",
                f"prompt `{prompt.name}` throws away the system text of every caller, safety "
                "instructions included",
                subject.draft.places.value(("prompts", prompt.name, "place")),
                "write `before` or `after`, or add a  when:  that says which callers are meant",
            )
