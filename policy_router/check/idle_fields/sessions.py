"""Sessions of which nothing needs to be remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField
from policy_router.domain.sessions import Keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject


def of_sessions(subject: Subject) -> Iterator[IdleField]:
    """Yield what is remembered of sessions for nothing."""
    shape, models = subject.draft.document.sessions, subject.policy.models
    if shape is None:
        return
    if not subject.policy.sessions.remembers:
        if shape.for_ is not None:
            yield IdleField(
                ("sessions", "for"),
                "nothing is remembered of sessions, so `for` has no effect",
                "write  keep: model  or  keep: tier , or leave `for` out",
            )
        return
    if len(models) == 1:
        what, help_ = "there is only one model", "add models, or leave `sessions` out"
    elif shape.keep is Keep.TIER and len({model.rank for model in models}) == 1:
        what, help_ = "all models are of one tier", "write  keep: model , or add tiers"
    else:
        return
    yield IdleField(("sessions", "keep"), f"{what}, so `keep: {shape.keep}` changes nothing", help_)
