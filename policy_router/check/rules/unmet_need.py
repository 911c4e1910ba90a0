"""an ability that no model has

No model can answer a request of the task: with `needs` the task requires the ability, and with
`when_needs` the request does. Where a model has the ability and neither the policy nor LiteLLM's
table says so, declare it with `can`.

Bad:
    tasks: { scan: { when_needs: [pdf] }, chat: {} }

Good:
    tasks: { call: { when_needs: [tools] }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    available = frozenset().union(*(model.abilities for model in subject.policy.models))
    for i, ability in enumerate(subject.draft.document.abilities or ()):
        if ability not in available:
            yield warning(
                "unmet-need",
                f"no model has the ability `{ability}`, so requests that need it are refused",
                subject.draft.places.value(("abilities", i)),
                f"write  can: [{ability}]  for the model that has it",
            )
    by_model = [model.abilities for model in subject.policy.models]
    tasks = (subject.draft.document.tasks or {}).items()
    for name, field, listed in [
        (name, field, getattr(task, field) or ())
        for name, task in tasks
        for field in ("when_needs", "needs")
    ]:
        path = ("tasks", name, field)
        for i, ability in enumerate(listed):
            if ability not in available:
                yield warning(
                    "unmet-need",
                    f"no model is known to have the ability `{ability}`",
                    subject.draft.places.value((*path, i)),
                    f"write  can: [{ability}]  for the model that has it",
                )
        needs = frozenset(listed)
        if needs <= available and not any(needs <= abilities for abilities in by_model):
            yield warning(
                "unmet-need",
                f"no model is known to have all of the abilities {', '.join(sorted(needs))}",
                subject.draft.places.key(path),
                "list them in `can` of the model that has them",
            )
