"""How many models or providers a policy leaves for each request, even when one of them is down.

What counts is what the policy itself takes away: its rules, tasks, bands and budgets. What one
request asks of a model (its abilities, room in its context) counts as far as the condition of the
promise says it: for `has_tools`, models without tools do not count. The answer is found by looking
for a request with too few, model by model, along the boxes in which each is excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.demands import answers_chat
from policy_router.assurance.reach import TOO_MANY, Excluded, Reached, Unknown
from policy_router.assurance.regions import Part
from policy_router.assurance.witness import witnesses
from policy_router.decision.bitset import bits
from policy_router.decision.space import contains, meet
from policy_router.domain.invariants import Countable
from policy_router.resilience.cancellation import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.reach import Reach
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Condition
    from policy_router.domain.decision import Decision
    from policy_router.domain.invariants import AtLeast
    from policy_router.domain.models import Model

_MOST_STEPS: Final = 20_000
"""Steps for one promise."""
_PROBES: Final = 24
"""Regions with too few that are tried, where a request of the region may have more."""

Few: TypeAlias = "tuple[tuple[str, ...], str, Decision]"
"""Names of the models that are left, what is wrong as text for people, and the decision."""


def provider_of(model: Model) -> tuple[str, str | None]:
    """The provider that a model is called at, and the address where the policy names one."""
    word, slash, _ = model.provider_model.partition("/")
    return word if slash else "openai", model.api_base_env or model.api_base


@dataclass(frozen=True, slots=True)
class _Count:
    """One thing to count: a promise holds if all of them are large enough.

    Attributes:
        units: What is counted: sets of models, any model of which is enough for the unit.
        least: How many there have to be.
        down: What is down, as text for people; empty for nothing.
    """

    units: tuple[int, ...]
    least: int
    down: str = ""


def thinnest(
    reach: Reach, boxes: Sequence[Box], when: Condition | None, promise: AtLeast
) -> Excluded | Reached[Few] | Unknown:
    """Look for a request for which the policy leaves too few.

    Args:
        reach: What is known about the policy.
        boxes: Where the request may lie.
        when: A condition that it has to meet as well, for boxes that are wider than it.
        promise: How many there have to be, of what, and what may be down.
    """
    unknown: Unknown | None = None
    removers, steps = _removers(reach), _MOST_STEPS
    for box in boxes:
        base = _counted(reach, box)
        for count in _counts(reach.policy.models, base, promise):
            search = _Search(reach, when, count, removers, steps)
            answer = search.run(box)
            steps = search.steps
            if isinstance(answer, Reached):
                return answer
            unknown = unknown or answer
    return unknown or Excluded(())


def _counted(reach: Reach, box: Box) -> int:
    """The models that count for requests in a box."""
    models = sum(1 << i for i, model in enumerate(reach.policy.models) if answers_chat(model))
    for source in reach.regions.sources:
        if source.part is Part.DEMAND and source.exact:
            for other in source.boxes or ():
                if contains(other, box):
                    models &= ~source.removes
    return models


def _counts(models: Sequence[Model], base: int, promise: AtLeast) -> Iterator[_Count]:
    by_provider: dict[tuple[str, str | None], int] = {}
    for i in bits(base):
        provider = provider_of(models[i])
        by_provider[provider] = by_provider.get(provider, 0) | 1 << i
    providers = tuple(by_provider.values())
    single = tuple(1 << i for i in bits(base))
    units = providers if promise.of is Countable.PROVIDERS else single
    if promise.without is None:
        yield _Count(units, promise.count)
        return
    if promise.without is promise.of:  # without any one of them there is one less
        yield _Count(units, promise.count + 1, f"one {_WORD[promise.of]} is down")
        return
    yield _Count(units, promise.count)  # nothing can be down where no model counts at all
    if promise.of is Countable.CANDIDATES:
        for own in providers:
            rest = tuple(unit for unit in single if not unit & own)
            name = provider_of(models[bits(own)[0]])[0]
            yield _Count(rest, promise.count, f"provider `{name}` is down")
    else:
        for i in bits(base):
            left = tuple(unit & ~(1 << i) for unit in providers)
            down = f"model `{models[i].name}` is down"
            yield _Count(tuple(unit for unit in left if unit), promise.count, down)


_WORD: Final = {Countable.CANDIDATES: "model", Countable.PROVIDERS: "provider"}


class _Search:
    """Looks for a request for which fewer units are left than there have to be.

    Attributes:
        steps: Steps that may still be taken.
    """

    def __init__(
        self,
        reach: Reach,
        when: Condition | None,
        count: _Count,
        removers: Sequence[int],
        steps: int,
    ) -> None:
        self._reach = reach
        self._when = when
        self._count = count
        self.steps = steps
        self._removers = removers
        self._probes = 0

    def run(self, box: Box) -> Reached[Few] | Unknown | None:
        """A request with too few; None when there is none."""
        removers, units = self._removers, self._count.units
        groups = [sorted({removers[i] for i in bits(unit)}) for unit in units]
        try:
            found = self._thin(dict(box), groups, self._count.least - 1)
        except GaveUp:
            return Unknown(TOO_MANY)
        if found is not None:
            return found
        return Unknown("no request was found that shows it") if self._probes else None

    def _thin(self, box: Box, groups: list[list[int]], spare: int) -> Reached[Few] | None:
        """A request in a box that leaves at most `spare` of the units.

        Args:
            box: The box.
            groups: For each unit the boxes that exclude its models, by model; only of those models
                that are not excluded everywhere in the box.
            spare: How many units may be left.
        """
        checkpoint(self._reach.cover.cancelled)
        self.steps -= 1
        if self.steps < 0 or self._probes > _PROBES:
            raise GaveUp
        cover = self._reach.cover
        near = cover.meeting(box)
        holding = [n for n in bits(near) if contains(cover.boxes[n], box)]
        inside = sum(1 << n for n in holding)
        open_: list[list[int]] = []
        for group in groups:
            left = [each & near for each in group if not each & inside]
            if not left:
                continue
            if all(left):
                open_.append(left)
            else:  # nothing here excludes one of its models
                spare -= 1
        if spare < 0:
            return None
        if len(open_) <= spare:
            return self._show(box)
        open_.sort(key=lambda group: min(each.bit_count() for each in group))
        first, *others = open_
        for number in bits(min(first, key=int.bit_count)):
            part = meet(box, cover.boxes[number])
            found = None if part is None else self._thin(part, open_, spare)
            if found is not None:
                return found
        return self._thin(box, others, spare - 1) if spare else None

    def _show(self, box: Box) -> Reached[Few] | None:
        part = self._reach.cover.uncovered(box, self._reach.impossible)
        if part is None:
            return None
        self._probes += 1
        for witness in witnesses(self._reach.policy, self._reach.space, part):
            decision = self._reach.decided(witness, self._when)
            if decision is None:
                continue
            names = {candidate.name for candidate in decision.candidates}
            left = [
                unit
                for unit in self._count.units
                if any(self._reach.policy.models[i].name in names for i in bits(unit))
            ]
            if len(left) < self._count.least:
                allowed = tuple(candidate.name for candidate in decision.candidates)
                return Reached(witness, (allowed, self._says(decision), decision), part)
        return None

    def _says(self, decision: Decision) -> str:
        if decision.denied is not None:
            return "that a rule denies"
        names = [candidate.name for candidate in decision.candidates]
        if not names:
            return "that no model may answer"
        listed = " and ".join(f"`{name}`" for name in names)
        down = f" while {self._count.down}" if self._count.down else ""
        return f"that only {listed} may answer{down}"


def _removers(reach: Reach) -> list[int]:
    """For each model the boxes outside of which the policy itself does not exclude it."""
    removers = [0] * len(reach.policy.models)
    for number, source in enumerate(reach.regions.sources):
        if source.part is not Part.DEMAND:
            own = reach.regions
            boxes = own.reaches[number] if source.boxes is None else own.holds[number]
            for model in bits(source.removes):
                removers[model] |= boxes
    return removers
