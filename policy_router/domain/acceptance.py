"""What an answer must be like to be accepted, as the policy states it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.models import Model


class OnRejected(StrEnum):
    """What a request gets when no answer passes: the best that came, marked, or an error."""

    BEST = "best"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that is asked whether an answer has what the rubric says."""

    model: Model
    rubric: str


CHECKS: Final = (
    "not_empty", "json", "json_schema", "pattern", "min_chars", "max_chars", "stop_reason",
    "python", "llm",
)  # fmt: skip
"""What an answer may be checked for, in the order the checks are made: the dear ones last."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Checks that an answer must pass. What is None, False or empty is not checked.

    by: the task or rule that asks for them, in words. json_schema: the schema, as JSON.
    pattern: RE2, found anywhere. min_chars, max_chars: of the text. stop_reason: one of these.
    python: a function of ours, `module:function`. llm: a model that judges.
    """

    by: str
    not_empty: bool = False
    json: bool = False
    json_schema: str | None = None
    pattern: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    stop_reason: tuple[str, ...] = ()
    python: str | None = None
    llm: Judge | None = None
    otherwise: OnRejected = OnRejected.BEST
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the checks that are made, in their order."""
        return tuple(name for name in CHECKS if _said(getattr(self, name)))


def _said(value: object) -> bool:
    return value is not None and value is not False and value != ()
