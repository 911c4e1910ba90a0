"""The requests that a model can get, for all requests at once.

`decide` says which models one request may get. What it excludes by the policy and the request alone
is a union of boxes in the space of requests, for each model; the state of the world, constraints of
the caller, sessions, experiments and learning can only take away more or reorder. So three
questions have exact answers:

    reach = Reach(policy, [condition.tree])     # the conditions that will be asked about
    boxes = reach.boxes(condition)              # where it holds; one box without limits for None

    reach.removers[model]                       # boxes in which a model surely gets no request,
                                                # as a set of boxes of `reach.cover`
    answer = reach.ask(model, boxes)            # can the model get a request that lies in one?

`answer` is `Excluded`, with a smallest set of rules and other parts that cover all the boxes
together; `Reached`, with a request that was decided and gets the model; or `Unknown`, with the
reason. Nothing is claimed that was not proved or shown: a proof holds for every text that a pattern
might match, since a pattern counts as a fact that is free, and a request is only returned after
`decide` let the model answer it.

`settle` is the same search for other questions: it looks for a request outside of some boxes that
a function accepts. `witnesses` (in `witness`) makes requests of a box. A region that changed
between two policies is a part of a box that `cover.uncovered` returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.regions import Regions
from policy_router.assurance.witness import Witness, witnesses
from policy_router.decision.bitset import bits
from policy_router.decision.decide import decide
from policy_router.decision.limits.subjects import subject_of
from policy_router.decision.space import TooWide
from policy_router.domain.condition import HOUR, WEEKDAY
from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.limits import Reading
from policy_router.domain.snapshot import Snapshot
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from policy_router.assurance.regions import Restriction
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Condition, Tree
    from policy_router.domain.decision import Decision

T = TypeVar("T")

_PROBES: Final = 24
"""Parts of the question in which a request is looked for before it is given up."""
TOO_MANY: Final = "there are too many combinations to decide it"
_WIDE: Final = "a condition has too many combinations"
_NO_WITNESS: Final = "no request was found that shows it"


@dataclass(frozen=True, slots=True)
class Excluded:
    """No request in the boxes does what was asked about.

    Attributes:
        by: What excludes it, as few parts as possible; the rules in written order, then others.
    """

    by: tuple[Restriction, ...]


@dataclass(frozen=True, slots=True)
class Reached(Generic[T]):
    """A request in the boxes does what was asked about.

    Attributes:
        witness: The request.
        shown: What it does: the decision, where the question is whether a model may answer.
        box: The region of such requests that it was taken from.
    """

    witness: Witness
    shown: T
    box: Box


@dataclass(frozen=True, slots=True)
class Unknown:
    """The question has no answer.

    Attributes:
        reason: Why, as part of a sentence: `it depends on matches(user, '^bot')`.
    """

    reason: str


Answer: TypeAlias = "Excluded | Reached[Decision] | Unknown"
"""Whether a model can get a request."""


class Reach:
    """Where each model of a policy gets no request, and requests that show where it does.

    A set of boxes is an int, as in Cover; a set of models is one, too: bit i is model i.

    Attributes:
        policy: The policy.
        regions: What excludes models, with the boxes of each.
        space: The space of requests.
        cover: All boxes.
        removers: For each model the boxes in which it surely gets no request.
        impossible: Boxes that no request lies in.
    """

    def __init__(
        self, policy: Policy, conditions: Iterable[Tree] = (), cancelled: Poll = never
    ) -> None:
        """Gather what excludes models.

        Args:
            policy: The policy.
            conditions: The conditions that will be asked about.
            cancelled: Polled during searches, which raise Cancelled when it returns True.
        """
        self.policy = policy
        self.regions = Regions(policy, cancelled, tuple(conditions), demanding=True)
        self.space = self.regions.space
        self.cover = self.regions.cover
        self.removers = tuple(self.regions.removers)
        self.impossible = self.regions.impossible
        self._near = [0] * len(policy.models)
        for number, source in enumerate(self.regions.sources):
            for model in bits(source.removes):
                self._near[model] |= self.regions.reaches[number]

    def boxes(self, condition: Condition | None) -> tuple[Box, ...]:
        """Where a condition holds; more than that where it has too many boxes."""
        return ({},) if condition is None else self.boxes_of(condition.tree)

    def boxes_of(self, tree: Tree) -> tuple[Box, ...]:
        """The same of the tree of a condition."""
        try:
            return tuple(self.space.boxes(tree))
        except TooWide:
            return ({},)

    def ask(self, model: int, boxes: Sequence[Box], when: Condition | None = None) -> Answer:
        """Find out whether a model can get a request.

        Args:
            model: The position of the model.
            boxes: Where the request may lie.
            when: A condition that it has to meet as well, for boxes that are wider than it.
        """
        name = self.policy.models[model].name

        def show(witness: Witness) -> Decision | None:
            decision = self.decided(witness, when)
            if decision is None or all(c.name != name for c in decision.candidates):
                return None
            return decision

        return self.settle(boxes, self.removers[model], show, surely=self._near[model], model=model)

    def decided(self, witness: Witness, when: Condition | None = None) -> Decision | None:
        """The decision of a request that meets a condition and is valid; None for any other.

        Nothing is used of any limit or budget, so that a request which needs more than one of them
        ever has is seen to reach no model.
        """
        request = witness.request
        used = {
            limit.key(subject_of(limit, request)): Reading(0)
            for limit in self.policy.limits
            if not limit.shadow
        }
        decision = decide(self.policy, request, Snapshot(now=witness.now, used=used))
        if decision.situation.problem is not None or not self.meets(decision, witness, when):
            return None
        return decision

    def meets(self, decision: Decision, witness: Witness, when: Condition | None) -> bool:
        """Whether a decided request meets a condition."""
        if when is None:
            return True
        facts = list(decision.situation.facts)
        if witness.now is not None:  # a policy whose rules read no clock leaves these absent
            local = datetime.fromtimestamp(witness.now, self.policy.timezone)
            facts[HOUR], facts[WEEKDAY] = local.hour, WEEKDAYS[local.weekday()]
        return when.holds(facts)

    def settle(
        self,
        boxes: Sequence[Box],
        by: int,
        show: Callable[[Witness], T | None],
        *,
        surely: int | None = None,
        model: int | None = None,
    ) -> Excluded | Reached[T] | Unknown:
        """Look for a request that lies outside of some boxes and is accepted by a function.

        Args:
            boxes: Where to look.
            by: Boxes in which surely no request is accepted.
            show: Returns what a request shows; None for one that is not accepted.
            surely: Boxes outside of which every request is accepted, as far as is known; they are
                tried first.
            model: The position of the model that the request is to reach, if any.
        """
        by |= self.impossible
        try:
            found = self._sure(boxes, surely, show, model)
            if found is not None:
                return found
            return self._search(list(boxes), by, show, model) or self._excluded(boxes, by)
        except GaveUp:
            return Unknown(TOO_MANY)

    def _sure(
        self,
        boxes: Sequence[Box],
        surely: int | None,
        show: Callable[[Witness], T | None],
        model: int | None,
    ) -> Reached[T] | None:
        """A request that nothing inexact is concerned with."""
        if surely is None:
            return None
        for box in boxes:
            part = self.cover.uncovered(box, surely | self.impossible)
            found = None if part is None else self._try(part, show, model)
            if found is not None:
                return found
        return None

    def _search(
        self,
        open_: list[Box],
        by: int,
        show: Callable[[Witness], T | None],
        model: int | None,
    ) -> Reached[T] | Unknown | None:
        """A request in one of the boxes; None when they are covered."""
        tried: list[Box] = []
        while open_:
            box = open_.pop()
            part = self.cover.uncovered(box, by)
            if part is None:
                continue
            found = self._try(part, show, model)
            if found is not None:
                return found
            tried.append(part)
            if len(tried) >= _PROBES:
                break
            open_ += without(box, part, self.cover.live)
        return Unknown(self._why(tried, by)) if tried else None

    def _try(
        self, part: Box, show: Callable[[Witness], T | None], model: int | None
    ) -> Reached[T] | None:
        target = None if model is None else self.policy.models[model]
        for witness in witnesses(self.policy, self.space, part, target):
            shown = show(witness)
            if shown is not None:
                return Reached(witness, shown, part)
        return None

    def _excluded(self, boxes: Sequence[Box], by: int) -> Excluded:
        """The proof, with the parts that it rests on; with all that help when they are many."""
        used = 0
        for box in boxes:
            try:
                used |= self.cover.core(box, by) or 0
            except GaveUp:
                used |= by & self.cover.meeting(box)
        return Excluded(self.regions.owners(used))

    def _why(self, tried: Sequence[Box], by: int) -> str:
        """Why it is not known whether a request in these parts does what was asked about."""
        patterns = self._patterns(tried, by)
        if patterns:
            return f"it depends on {' and '.join(patterns)}"
        wide = any(source.boxes is None for source in self.regions.sources)
        return _WIDE if wide else _NO_WITNESS

    def _patterns(self, tried: Sequence[Box], by: int) -> list[str]:
        """The patterns that decide in these parts, as conditions write them."""
        concerned: set[int] = set()
        pattern = {i for i, d in enumerate(self.space.dimensions) if d.is_pattern}
        for box in tried:
            concerned |= pattern & set(box)
            wide = {d: cells for d, cells in box.items() if d not in pattern}
            for number in bits(by & self.cover.meeting(wide)):
                concerned |= pattern & set(self.cover.boxes[number])
        dimensions = [self.space.dimensions[i] for i in sorted(concerned)]
        facts = self.policy.vocabulary.facts
        return [f"matches({facts[d.fact].name}, {d.detail!r})" for d in dimensions]


def without(box: Box, part: Box, live: Sequence[int]) -> list[Box]:
    """A box without a part of it, as boxes that do not overlap."""
    rest: list[Box] = []
    inside = dict(box)
    for dimension, cells in part.items():
        own = inside.get(dimension, live[dimension])
        if own & ~cells:
            rest.append({**inside, dimension: own & ~cells})
        inside[dimension] = own & cells
    return rest
