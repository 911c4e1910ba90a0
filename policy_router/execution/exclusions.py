"""Candidates that may no longer be called because of earlier failures. No IO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.decision import Candidate, Reason, Skip
from policy_router.providers.failures.fault_domain import SHARED_SCOPES, fault_domain, with_each_key

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.failures.failure import Failure
    from policy_router.providers.failures.fault_domain import FaultDomain


class Exclusions:
    """Why candidates may not be called any more, by what failed so far.

    Attributes:
        is_empty: Whether nothing was noted, so that every candidate may be called.
    """

    def __init__(self) -> None:
        self.is_empty = True
        self._floor = -1
        self._rejected: Model | None = None
        self._at_fault: dict[FaultDomain, str] = {}

    def note(self, model: Model, failure: Failure) -> None:
        """Notes what a failure of this model means for the others."""
        self.is_empty = False
        if failure.certain and failure.scope in SHARED_SCOPES:
            detail = f"shares the {failure.scope} of `{model.name}`: {failure.kind}"
            self._at_fault[fault_domain(model, failure.scope)] = detail
        if failure.reaction.needs_higher_tier:
            self._rejected = model  # each is higher than the one before it

    def note_too_small(self, model: Model) -> None:
        """Notes that the request did not fit into this model's context."""
        self.is_empty = False
        self._floor = max(self._floor, _context(model))

    def of(self, candidate: Candidate) -> Skip | None:
        """Why this candidate may not be called; None when it may."""
        model = candidate.model
        if self._rejected is not None and model.rank <= self._rejected.rank:
            detail = f"not of a higher tier than `{self._rejected.name}`, whose answer was rejected"
            return Skip(model.name, Reason.TIER, detail, span=model.span)
        fault = self._fault(model) if self._at_fault else None
        if fault is not None:
            return Skip(model.name, Reason.NOT_ASKED, fault, span=model.span)
        if _context(model) <= self._floor:
            size = "is unknown" if model.context is None else f"of {model.context} tokens"
            detail = f"its context {size}; the request did not fit into {self._floor} tokens"
            return Skip(model.name, Reason.CONTEXT, detail)
        return None

    def _fault(self, model: Model) -> str | None:
        """What is at fault for the model, with each of its keys; None when one of them is left."""
        faults = [
            next((self._at_fault[key] for key in shared if key in self._at_fault), None)
            for each in with_each_key(model)
            for shared in [[fault_domain(each, scope) for scope in SHARED_SCOPES]]
        ]
        return None if None in faults else faults[0]


def _context(model: Model) -> int:
    """An unknown context counts as the smallest: it is not known to be larger than any."""
    return model.context or 0
