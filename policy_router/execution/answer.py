"""What a request gets: the provider's answer, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policy_router.domain.decision import Attempt, Decision
    from policy_router.domain.findings import Finding


@dataclass(frozen=True, slots=True)
class Answer:
    """An OpenAI-shaped answer with its history.

    Everything else is the response's own: `answer.choices[0].message.content`, `answer.usage`,
    `answer.model_dump()`. served_by: the answering model's name in the policy. attempts: every
    call that was made, in order; the last one answered, unless an earlier answer stood in.
    rejected: checks that this answer failed; then none passed, and it was the best.
    unchecked: checks that could not be made.
    """

    response: Any
    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str
    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name in Answer.__slots__:
            raise AttributeError(name)  # not set yet, as in copying; asking the response recurses
        return getattr(self.response, name)
