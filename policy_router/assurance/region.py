"""Regions of requests that two policies decide differently, each with a request that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.decide import decide
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.decision import Decision


@dataclass(frozen=True, slots=True)
class Replay:
    """One request decided by both policies, whatever the state of the world.

    Attributes:
        witness: The request, and the time where it matters.
        before: Names of the candidates under the old policy, in order.
        after: The same under the new policy.
        cost_before: What the first candidate is estimated to cost under the old policy, in
            nano-USD; None where the price is unknown and without candidates.
        cost_after: The same under the new policy.
    """

    witness: Witness
    before: tuple[str, ...]
    after: tuple[str, ...]
    cost_before: int | None
    cost_after: int | None

    @property
    def gained(self) -> tuple[str, ...]:
        """Models that may answer only under the new policy."""
        return tuple(name for name in self.after if name not in self.before)

    @property
    def lost(self) -> tuple[str, ...]:
        """Models that may answer only under the old policy."""
        return tuple(name for name in self.before if name not in self.after)

    @property
    def reordered(self) -> bool:
        """Whether the models that may answer under both come in another order."""
        kept = [name for name in self.before if name in self.after]
        return kept != [name for name in self.after if name in self.before]


@dataclass(frozen=True, slots=True)
class Region:
    """Requests that two policies decide differently.

    Attributes:
        cause: The part of a policy whose change makes the difference, such as ``rule `x` ``.
        where: Which requests they are, in plain words.
        shown: A request among them, as both policies decide it.
        box: The same as a box of the space in which the policies are compared; None for requests
            that ask for an alias.
    """

    cause: str
    where: str
    shown: Replay
    box: Box | None = None


def replay(old: Policy, new: Policy, witness: Witness) -> Replay | None:
    """Decide a request by two policies; None where it is not valid for both.

    Args:
        old: The old policy.
        new: The new policy.
        witness: The request.
    """
    snapshot = Snapshot(now=witness.now)
    before = decide(old, witness.request, snapshot)
    after = decide(new, witness.request, snapshot)
    if before.invalid or after.invalid:
        return None
    return Replay(
        witness,
        tuple(candidate.name for candidate in before.candidates),
        tuple(candidate.name for candidate in after.candidates),
        _cost(before, witness),
        _cost(after, witness),
    )


def _cost(decision: Decision, witness: Witness) -> int | None:
    if not decision.candidates:
        return None
    return decision.candidates[0].model.estimate(witness.request, witness.now)
