"""Where two policies put the models that may answer into another order.

What says something of the order (`first`, `min_tier`, `prefer`, `use`) is compared in the order in
which it is written; what both policies have in common drops out. Inside a condition of what is
left, the space is divided until every part of either policy holds everywhere or nowhere. There the
order of all models is known, and for each two that change places a request is looked for that both
of them may answer.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.assurance.change_search import ChangeSearch
from policy_router.assurance.cover import GaveUp
from policy_router.assurance.order_samples import OrderSamples
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.region_wording import spell_box
from policy_router.assurance.set_changes import search
from policy_router.assurance.witness import witnesses
from policy_router.decision.bitset import bits
from policy_router.decision.decide import decide
from policy_router.decision.space import contains
from policy_router.domain.criteria import NO_CRITERIA
from policy_router.domain.limits import Limit, Metric
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from policy_router.assurance.policy_pair import Pair, PolicyPart
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.models import Model

MAX_PARTS: Final = 600
"""Parts of the space that are examined at most."""
_SWAPS: Final = 24
"""Pairs of models that are examined in one part of the space."""
_SORTED_BY: Final = (
    "price", "free", "rank", "quality", "latency", "weight", "tags", "upstream", "tier",
)  # fmt: skip
"""Fields of a model that sort keys read."""
_IN_ORDER: Final = frozenset({"first", "prefer", "prompt"})
"""What is asked in written order, so that the first that applies counts."""
_LASTING: Final = frozenset(
    {
        SortKey.FREE,
        SortKey.LOCAL,
        SortKey.SMALLEST,
        SortKey.CHEAPEST,
        SortKey.FASTEST,
        SortKey.QUALITY,
    }
)
"""Sort keys whose order the policy fixes."""

_Row: TypeAlias = "tuple[object, tuple[object, ...] | None, str]"
"""A box, or a condition of too many boxes; what it says about the order; and what it belongs to."""


class OrderChanges(ChangeSearch):
    """The search for regions whose order differs."""

    def __init__(self, pair: Pair, takes: Policy) -> None:
        """Prepare the search.

        Args:
            pair: The policies.
            takes: A policy with the common vocabulary, which requests are made for.
        """
        super().__init__(pair, takes)
        self._ordering = [_ordering_only(policy) for policy in pair.policies]
        self._parts = 0
        self._of_the_moment: dict[str, None] = {}
        boxes = 0
        for part in (*pair.ordering[0], *pair.ordering[1]):
            boxes |= pair.set_of(part.where)
        self._boxes = boxes
        self._wide = any(pair.boxes_of(p.where) is None for own in pair.ordering for p in own)
        self._samples = OrderSamples(pair)

    def run(self) -> None:
        """Look for a region for each part of the policies that changed."""
        for cause, boxes in self._changed():
            if boxes is None:
                self.doubts[f"the condition of {cause} has too many combinations"] = None
                continue
            if any(region.cause == cause for region in self.regions):
                continue
            for number in boxes:
                box = self._pair.cover.boxes[number]
                try:
                    if self._ask(cause, box):
                        break
                except GaveUp:
                    self.doubts[f"{cause} has too many combinations to compare"] = None
        causes = {region.cause for region in self.regions}
        for cause in self._of_the_moment:
            if cause not in causes:
                self.doubts[f"{cause} sorts by what only the moment shows"] = None

    # -- what changed ------------------------------------------------------------------------

    def _changed(self) -> Iterator[tuple[str, tuple[int, ...] | None]]:
        pair = self._pair
        for keys in (("first",), ("prefer",), ("tier",), ("use",), ("prompt",)):
            own = [[p for p in parts if p.order and p.order[0] in keys] for parts in pair.ordering]
            yield from self._unequal(own[0], own[1], ordered=keys[0] in _IN_ORDER)
        old, new = pair.policies
        common = old.models_by_name.keys() & new.models_by_name.keys()
        if _sort_values(old, common) != _sort_values(new, common):
            yield "the properties of models", (self._everywhere(),)

    def _unequal(
        self, old: Sequence[PolicyPart], new: Sequence[PolicyPart], *, ordered: bool
    ) -> Iterator[tuple[str, tuple[int, ...] | None]]:
        """The boxes that say something else in one policy, with what they belong to."""
        rows = [self._rows(parts) for parts in (old, new)]
        keys = [[row[:2] for row in own] for own in rows]
        if ordered:
            left: list[_Row] = []
            matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
            for tag, a, b, c, d in matcher.get_opcodes():
                if tag != "equal":
                    left += [*rows[0][a:b], *rows[1][c:d]]
        else:
            common = set(keys[0]) & set(keys[1])
            left = [row for own in rows for row in own if row[:2] not in common]
        changed: dict[str, list[int]] = {}
        for box, order, says in left:
            if order is not None and order[0] == "prefer" and not _LASTING.issuperset(order[1]):  # type: ignore[arg-type]  # sort keys
                self._of_the_moment[says] = None
            if isinstance(box, int):
                changed.setdefault(says, []).append(box)
            else:
                yield says, None
        yield from ((says, tuple(boxes)) for says, boxes in changed.items())

    def _rows(self, parts: Sequence[PolicyPart]) -> list[_Row]:
        """A row for each box, since a rule means the same as one rule for each of its boxes.

        Among neighbours that say the same the order does not matter.
        """
        rows: list[_Row] = []
        for order, same in groupby(parts, key=lambda part: part.order):
            own: dict[object, _Row] = {}
            for part in same:
                boxes = self._pair.boxes_of(part.where)
                for box in [part.where] if boxes is None else boxes:
                    own.setdefault(box, (box, order, part.says))
            rows += sorted(own.values(), key=lambda row: str(row[0]))
        return rows

    def _everywhere(self) -> int:
        return (self._pair.boxes_of(None) or (0,))[0]

    # -- inside one condition ----------------------------------------------------------------

    def _ask(self, cause: str, box: Box) -> bool:
        """Whether the order changes in a box; the region is kept."""
        quiet = self._quiet(box)
        if quiet is not None and self._shown(cause, quiet, box, certain=False):
            return True
        open_ = [dict(box)]
        while open_:
            inside = open_.pop()
            self._parts += 1
            if self._parts > MAX_PARTS:
                self.doubts[f"{cause} may change the order of some requests"] = None
                return False
            split = self._dividing(inside)
            if split is not None:
                open_ += _divided(inside, split, self._pair.cover.live)
            elif self._shown(cause, inside, box, certain=True):
                return True
        return False

    def _quiet(self, box: Box) -> Box | None:
        """A part of a box in which nothing else says something of the order, if there is one."""
        pair = self._pair
        others = self._boxes
        for number in bits(others & pair.cover.meeting(box)):
            if contains(pair.cover.boxes[number], box):
                others &= ~(1 << number)
        return pair.cover.uncovered(box, others | pair.impossible)

    def _dividing(self, box: Box) -> Box | None:
        """A box of some part that holds in a part of this box; None where there is none."""
        cover = self._pair.cover
        partly = cover.meeting(box) & self._boxes
        live = cover.live
        for number in bits(partly):
            other = cover.boxes[number]
            if any(box.get(d, live[d]) & ~cells for d, cells in other.items()):
                return other
        return None

    def _shown(self, cause: str, inside: Box, box: Box, *, certain: bool) -> bool:
        """Whether a request in a part of the space shows another order."""
        pair = self._pair
        old, new = pair.policies
        swapped = self._swaps(inside)
        unseen = self._wide or not self._samples.complete
        if certain and (swapped is None or len(swapped) > _SWAPS or unseen):
            self.doubts[f"{cause} may change the order of some requests"] = None
        for one, other in (swapped or ())[:_SWAPS]:
            first, second = pair.names.index(one), pair.names.index(other)
            excluding = 0
            for removers in pair.removers:
                excluding |= removers[first] | removers[second]
            target = old.models_by_name[one]

            def swaps(witness: Witness, names: tuple[str, str] = (one, other)) -> Replay | None:
                made = replay(old, new, witness)
                if made is None or not all(n in made.before and n in made.after for n in names):
                    return None
                places = [[seq.index(name) for name in names] for seq in (made.before, made.after)]
                swapped = (places[0][0] < places[0][1]) != (places[1][0] < places[1][1])
                return made if swapped else None

            made = self._search(inside, excluding, target, (one, other), swaps)
            if made is not None:
                self.regions.append(Region(cause, spell_box(pair.space, box), made, box))
                return True
            if certain and pair.cover.uncovered(inside, excluding | pair.impossible) is not None:
                self.doubts[f"{cause} may change the order of `{one}` and `{other}`"] = None
        return False

    def _search(
        self,
        inside: Box,
        excluding: int,
        target: Model,
        names: tuple[str, str],
        swaps: Callable[[Witness], Replay | None],
    ) -> Replay | None:
        """A request in a part of the space, of any size, that a function accepts."""

        def sized(witness: Witness) -> Replay | None:
            made = (swaps(each) for each in self._samples.around(inside, witness, names))
            return next((each for each in made if each is not None), None)

        return search(self._pair, self._takes, inside, excluding, sized, target=target)

    def _swaps(self, box: Box) -> list[tuple[str, str]] | None:
        """Pairs of models that change places somewhere in a box, were both allowed; None where no
        request of the box is found."""
        pair = self._pair
        part = pair.cover.uncovered(box, pair.impossible)
        if part is None:
            return []
        witness = next(witnesses(self._takes, pair.space, part), None)
        if witness is None or replay(*pair.policies, witness) is None:
            return None
        swapped: dict[tuple[str, str], None] = {}
        for each in self._samples.around(part, witness):
            orders = []
            for policy in self._ordering:
                made = decide(policy, each.request, Snapshot(now=each.now))
                orders.append([c.name for c in made.candidates])
            common = [name for name in orders[0] if name in orders[1]]
            if common == [name for name in orders[1] if name in orders[0]]:
                continue
            place = {name: i for i, name in enumerate(orders[1])}
            for i, one in enumerate(common):
                for other in common[i + 1 :]:
                    if place[one] > place[other]:
                        swapped[one, other] = None
        return list(swapped)


def _divided(box: Box, split: Box, live: Sequence[int]) -> Iterator[dict[int, int]]:
    """A box, divided into what lies in another and what does not."""
    inside = dict(box)
    for dimension, cells in split.items():
        own = inside.get(dimension, live[dimension])
        if own & ~cells:
            yield {**inside, dimension: own & ~cells}
        inside[dimension] = own & cells
    yield inside


def _sort_values(policy: Policy, names: AbstractSet[str]) -> list[object]:
    return [
        (model.name, *(getattr(model, field) for field in _SORTED_BY))
        for model in policy.models
        if model.name in names
    ]


def _ordering_only(policy: Policy) -> Policy:
    """A policy that excludes nothing and puts models into the same order."""
    everyone = (1 << len(policy.models)) - 1
    strict = not policy.fallback.step_down
    budget = Limit("budgets", "all", Metric.USD, Period.MONTH, None, everyone)

    def floor(rank: int | None) -> int | None:
        return None if strict else rank

    return replace(
        policy,
        models=tuple(
            replace(m, context=None, abilities=policy.known_abilities, fixed_output=None)
            for m in policy.models
        ),
        rules=tuple(
            replace(
                rule, only=None, avoid=(), needs=frozenset(), deny=None, accept=None,
                criteria=NO_CRITERIA, min_tier=floor(rule.min_tier),
            )
            for rule in policy.rules
            if not rule.shadow
        ),
        tasks=tuple(
            replace(
                task, only=None, avoid=(), needs=frozenset(), criteria=NO_CRITERIA,
                min_tier=floor(task.min_tier),
            )
            for task in policy.tasks
        ),
        bands=tuple(replace(band, min_tier=floor(band.min_tier)) for band in policy.bands),
        fallback=replace(policy.fallback, step_down=True),
        limits=(budget,),
        experiments=(),
    )  # fmt: skip
