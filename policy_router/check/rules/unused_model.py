"""a model whose tier is too low for every request

`step_down` is off and every task or band has a minimum tier above the model's, so it never answers.

Bad:
    tasks: { chat: { min_tier: heavy } }
    fallback: { step_down: false }

Good:
    tasks: { chat: { min_tier: light } }
    fallback: { step_down: false }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model, sources in subject.unreachable:
        bit = 1 << subject.policy.position(model.name)
        if any(source.rule is None and source.below & bit for source in sources):
            together = ", ".join(source.says for source in sources)
            yield warning(
                "unused-model",
                f"`{model.name}` never answers: {together} always require a higher tier",
                model.span,
                "lower a `min_tier`, set  step_down: true  in `fallback`, or remove the model",
            )
