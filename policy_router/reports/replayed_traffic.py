"""What a change of a policy would have done to logged requests, decided by both policies."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

from policy_router.assurance.samples import cell_of
from policy_router.decision.decide import decide
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.assurance.compare import PolicyDiff
    from policy_router.decision.space import Box, Space
    from policy_router.domain.decision import Decision
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot

_NORMAL: Final = 1.96
"""Standard errors on both sides of a mean that hold 95 of 100 of them."""
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class MeanChange:
    """The mean change of something from the old policy to the new one, per request.

    Attributes:
        value: The mean.
        low: Lower end of its interval of 95 %.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrafficChange:
    """What a change of a policy would have done to logged requests.

    Attributes:
        requests: Requests that were decided again.
        skipped: Requests that are not valid for both policies, which are not among them.
        changed: Requests that get other models or another order.
        by_region: For each region of the comparison, how many of the changed requests lie in it.
        cost: The change of the estimated cost of the first model, in nano-USD, over the requests
            for which both are known; None with fewer than two of them.
        free: The change of the share of requests whose first model is free; None with fewer than
            two requests that both policies answer.
    """

    requests: int
    skipped: int
    changed: int
    by_region: tuple[int, ...]
    cost: MeanChange | None
    free: MeanChange | None


def traffic_change(
    compared: PolicyDiff, logged: Iterable[tuple[Request, Snapshot]]
) -> TrafficChange:
    """Decide logged requests again by both policies.

    Each is decided on the state of the world that it was decided on before, so that budgets and
    cooldowns count.

    Args:
        compared: How the policies differ.
        logged: Requests, each with the snapshot that it was decided on.
    """
    requests = skipped = changed = 0
    by_region = [0] * len(compared.regions)
    costs: list[float] = []
    free: list[float] = []
    for request, snapshot in logged:
        before = decide(compared.old, request, snapshot)
        after = decide(compared.new, request, snapshot)
        if before.invalid or after.invalid:
            skipped += 1
            continue
        requests += 1
        if [c.name for c in before.candidates] != [c.name for c in after.candidates]:
            changed += 1
            for number, region in enumerate(compared.regions):
                by_region[number] += _lies(compared, before, region.box)
        if before.candidates and after.candidates:
            models = before.candidates[0].model, after.candidates[0].model
            free.append(float(models[1].free) - float(models[0].free))
            own = [0 if m.free else m.estimate(request, snapshot.now) for m in models]
            if own[0] is not None and own[1] is not None:
                costs.append(float(own[1] - own[0]))
    return TrafficChange(
        requests, skipped, changed, tuple(by_region), _change(costs), _change(free)
    )


def _change(differences: Sequence[float]) -> MeanChange | None:
    count = len(differences)
    if count < _LEAST:
        return None
    mean = sum(differences) / count
    variance = sum((each - mean) ** 2 for each in differences) / (count - 1)
    half = _NORMAL * sqrt(variance / count)
    return MeanChange(mean, mean - half, mean + half)


def _lies(compared: PolicyDiff, decision: Decision, box: Box | None) -> bool:
    """Whether a decided request lies in a box, as far as patterns do not decide it."""
    if box is None or compared.space is None:
        return False
    known = compared.old.vocabulary.by_name
    facts = decision.situation.facts
    return all(
        _in_cells(compared.space, position, cells, known, facts) for position, cells in box.items()
    )


def _in_cells(
    space: Space, position: int, cells: int, known: Mapping[str, int], facts: Sequence[object]
) -> bool:
    dimension = space.dimensions[position]
    fact = space.vocabulary.facts[dimension.fact]
    if dimension.is_pattern or fact.name not in known:
        return True
    value = facts[known[fact.name]]
    if dimension.kind is FactType.SET:
        return bool(cells >> int(dimension.detail in value) & 1)  # type: ignore[operator]  # a set
    return bool(cells >> cell_of(dimension, value) & 1)  # type: ignore[arg-type]  # a plain value
