"""Fallback: reactions that never happen, and health that is never judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.idle_fields.found import IdleField
from policy_router.domain.fallback import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document


_MAY_WAIT: Final = (None, Action.RETRY, Action.RETRY_THEN_NEXT)
"""Actions after which the same model may be called again; the default is one of them."""


def of_fallback(document: Document) -> Iterator[IdleField]:
    """Yield reactions to failures that never happen."""
    shape = document.fallback
    if shape is None or shape.on_error is None:
        return
    actions = (shape.on_error.rate_limit, shape.on_error.server_error)
    if shape.patience is not None and not any(action in _MAY_WAIT for action in actions):
        yield IdleField(
            ("fallback", "patience"),
            "no failure that names a time to wait is followed by a retry, so it has no effect",
            "write  rate_limit: retry_then_next , or leave it out",
        )
    if shape.max_attempts != 1:
        return
    for fault in type(shape.on_error).model_fields:
        action = getattr(shape.on_error, fault)
        if action is not None and action is not Action.STOP:
            yield IdleField(
                ("fallback", "on_error", fault),
                f"there is only one attempt, so `{action}` has no effect",
                "raise `max_attempts`, or leave it out",
            )


def of_health(document: Document) -> Iterator[IdleField]:
    """Yield what is measured or probed for nothing."""
    shape = document.fallback
    if shape is None:
        return
    degraded, probe = shape.degraded, shape.probe
    if degraded is not None and degraded.success is None and degraded.latency is None:
        yield IdleField(
            ("fallback", "degraded"),
            "without `success` and `latency` no model ever counts as degraded",
            "write what is worse than usual, such as  success: 90%",
        )
    own = [m for m in (document.models or {}).values() if m.api_base or m.api_base_env]
    if probe is not None and probe.models is None and not any(m.price == "free" for m in own):
        yield IdleField(
            ("fallback", "probe"),
            "no model is probed: by default it is the free ones with an `api_base`",
            "name the models, such as  models: [local] ; probes of paid ones are charged",
        )
