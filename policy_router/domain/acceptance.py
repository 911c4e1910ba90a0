"""The checks that an answer must pass, as the policy defines them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.models import Model


class OnRejected(StrEnum):
    """What the caller gets when no answer passes: the best one, marked as rejected, or an error."""

    BEST = "best"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that decides whether an answer meets a rubric.

    Attributes:
        model: The model.
        rubric: What the answer must be, in plain language.
    """

    model: Model
    rubric: str


CHECKS: Final = (
    "not_empty", "json", "json_schema", "pattern", "min_chars", "max_chars", "stop_reason",
    "python", "llm",
)  # fmt: skip
"""What an answer can be checked for, in the order of the checks: the expensive ones last."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Checks that an answer must pass. A check that is None, False or empty is off.

    Attributes:
        by: The task or rule that requires them, such as ``task `code` ``.
        not_empty: The answer has text or a tool call.
        json: The text is JSON.
        json_schema: A JSON Schema, as JSON, that the text must match.
        pattern: An RE2 pattern that is found in the text.
        min_chars: The minimum number of characters.
        max_chars: The maximum number of characters.
        stop_reason: The finish reasons that are accepted.
        python: A function that accepts the answer, as `module:function`.
        llm: A model that accepts the answer.
        otherwise: What the request gets when no answer passes.
        span: The position of the checks in the policy files.
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
        """Names of the checks that are on, in order."""
        return tuple(name for name in CHECKS if _is_set(getattr(self, name)))


def _is_set(value: object) -> bool:
    return value is not None and value is not False and value != ()
