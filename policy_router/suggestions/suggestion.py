"""A suggestion: what to change in a policy, on what evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.suggestions.differences import ShareDifference
    from policy_router.suggestions.text_edit import TextEdit


@dataclass(frozen=True, slots=True)
class SuggestionEvidence:
    """What a suggestion rests on.

    Attributes:
        text: It as words, with all its numbers.
        samples: The outcomes that were counted; where two models are compared, those of the model
            with fewer.
        difference: The difference of the shares that were compared; None where none were.
    """

    text: str
    samples: int
    difference: ShareDifference | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of a policy that its outcomes ask for.

    Attributes:
        kind: The kind of suggestion, such as `demote-unreliable`.
        sentence: What to do.
        evidence: Why.
        effect: What would change for requests, where it is known.
        edits: The same as edits of the policy files; empty where it cannot be written.
    """

    kind: str
    sentence: str
    evidence: SuggestionEvidence
    effect: str | None = None
    edits: tuple[TextEdit, ...] = ()
