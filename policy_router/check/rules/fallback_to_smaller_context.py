"""a prompt too long for one model falls back to one with no larger context

`bigger_context` helps only where a model with a larger context exists, and a paid one does not help
a request for free models. Any other reaction tries smaller models.

Bad:
    fallback: { on_error: { context_too_long: next } }

Good:
    fallback: { on_error: { context_too_long: bigger_context } }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.domain.fallback import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model


def check(subject: Subject) -> Iterator[Diagnostic]:
    fallback = subject.draft.document.fallback
    action = fallback.on_error.context_too_long if fallback and fallback.on_error else None
    if action is None or action is Action.STOP:
        return
    span = subject.draft.places.value(("fallback", "on_error", "context_too_long"))
    policy = subject.policy
    sizes = [m.context for m in policy.models if m.context is not None]
    if action is not Action.BIGGER_CONTEXT:
        if len(sizes) > 1:
            yield warning(
                "fallback-to-smaller-context",
                f"after a prompt that is too long for one model, `{action}` may try one whose "
                "context is no larger",
                span,
                "write  context_too_long: bigger_context",
            )
        return
    best = max((m.rank for m in policy.models), default=0)
    strongest = [m for m in policy.models if m.rank == best]
    largest = all(m.context == max(sizes, default=None) for m in strongest)
    alone = len(policy.models) == 1
    # The same model at two efforts is one model that a prompt can be too long for.
    several = len({m.provider_model for m in strongest}) > 1
    if (alone or several) and largest and not _helps(policy.models):
        names = " and ".join(f"`{m.name}`" for m in strongest)
        yield warning(
            "fallback-to-smaller-context",
            f"no model has a larger context than {names}, so a prompt that is too long for "
            "one of them cannot be answered",
            span,
            "add a model with a larger context, or write  context_too_long: stop",
        )


def _helps(models: tuple[Model, ...]) -> bool:
    """Whether there is a model with a larger context than another one.

    A paid model is no fallback for a free one.
    """
    sizes = [m.context or 0 for m in models]
    free = [m.context or 0 for m in models if m.free]
    paid = [m.context or 0 for m in models if not m.free]
    return min(sizes) < max(free, default=0) or min(paid, default=max(sizes)) < max(sizes)
