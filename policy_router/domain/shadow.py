"""The effect that a shadow part of a policy would have had on a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span


@dataclass(frozen=True, slots=True)
class ShadowEffect:
    """What a part of a policy with `shadow: true` would have done. The decision is the same
    without it.

    Attributes:
        kind: What it is: `rule`, `limit` or `budget`; `section` for `learning`, where outcomes are
            recorded and not applied.
        name: Its name in the policy.
        detail: What it would have done, as text for people.
        removed: Names of the candidates that it would have excluded, in their order.
        first: Name of the model that would have come first in place of the one that does; None
            where that is the same.
        denied: Why it would have denied the request, if it would have.
        span: Its position in the policy files.
    """

    kind: str
    name: str
    detail: str
    removed: tuple[str, ...] = ()
    first: str | None = None
    denied: str | None = None
    span: Span | None = field(default=None, compare=False)

    @property
    def source(self) -> str:
        """What it is, with its name: ``rule `x` ``."""
        return f"{self.kind} `{self.name}`"

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
            "removed": list(self.removed),
            "first": self.first,
            "denied": self.denied,
            "at": None if self.span is None else str(self.span),
        }
