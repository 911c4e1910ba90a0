"""a task that needs an ability no model has

A request that needs the ability belongs to the task, and no model can answer it. Where a model has
the ability and neither the policy nor LiteLLM's table says so, declare it with `can`.

Bad:
    tasks: { scan: { needs: [pdf] }, chat: {} }

Good:
    tasks: { call: { needs: [tools] }, chat: {} }
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
    by_model = [model.abilities for model in subject.policy.models]
    for name, task in (subject.draft.document.tasks or {}).items():
        for i, ability in enumerate(task.needs or ()):
            if ability not in available:
                yield warning(
                    "unmet-need",
                    f"no model is known to have the ability `{ability}`",
                    subject.draft.places.value(("tasks", name, "needs", i)),
                    f"write  can: [{ability}]  for the model that has it",
                )
        needs = frozenset(task.needs or ())
        if needs <= available and not any(needs <= abilities for abilities in by_model):
            yield warning(
                "unmet-need",
                f"no model is known to have all of the abilities {', '.join(sorted(needs))}",
                subject.draft.places.key(("tasks", name, "needs")),
                "list them in `can` of the model that has them",
            )
