"""Where the set of models that may answer differs between two policies.

For each model, a box in which one policy excludes it is held against all boxes in which the other
does. Where they cover it, the policies agree on that box. Otherwise a request is taken from the
part that is left, and decided by both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.assurance.change_search import ChangeSearch
from policy_router.assurance.cover import GaveUp
from policy_router.assurance.reach import without
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.region_wording import spell_box
from policy_router.assurance.witness import witnesses
from policy_router.decision.bitset import bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policy_router.assurance.policy_pair import Pair
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.models import Model

_PROBES: Final = 12
"""Parts of a box in which a request is looked for before it is given up."""
_WORDS: Final = 2
"""Facts that the description of a region may name besides those of the condition."""
MOST: Final = 100
"""Regions that are looked for; more say nothing new to a person."""


class SetChanges(ChangeSearch):
    """The search for regions whose set of models differs.

    Attributes:
        full: Whether there are more regions than are looked for.
    """

    def __init__(self, pair: Pair, takes: Policy) -> None:
        """Prepare the search.

        Args:
            pair: The policies.
            takes: A policy with the common vocabulary, which requests are made for.
        """
        super().__init__(pair, takes)
        self.full = False
        self._shown: dict[tuple[str, int], list[Replay]] = {}

    def run(self) -> None:
        """Look for all regions."""
        for which in (0, 1):  # excluded by the old policy alone, then by the new one alone
            other = 1 - which
            removers = self._pair.removers
            alike: dict[tuple[int, int], int] = {}
            for model in range(len(self._pair.names)):
                key = removers[which][model], removers[other][model]
                if key[0] & ~key[1]:
                    alike[key] = alike.get(key, 0) | 1 << model
            for (own, others), models in alike.items():
                for part in self._pair.excluding[which]:
                    if part.models & models:
                        boxes = self._pair.boxes_of(part.where)
                        if boxes is not None:
                            changed = [n for n in boxes if not others >> n & 1 and own >> n & 1]
                            self._ask(which, part.says, changed, others, part.models & models)
            for part in self._pair.excluding[which]:
                if self._pair.boxes_of(part.where) is None:
                    self._wide(which, part.says)

    def _ask(
        self, which: int, cause: str, numbers: Sequence[int], others: int, models: int
    ) -> None:
        """Whether the other policy excludes some models in these boxes as well."""
        pair = self._pair
        for number in numbers:
            if len(self.regions) >= MOST:
                self.full = True
                return
            box = pair.cover.boxes[number]
            try:
                for name, made in self._searched(which, box, others, cause, models):
                    if made is None:
                        self._doubt(cause, name, box)
            except GaveUp:
                self.doubts[f"{cause} has too many combinations to compare"] = None

    def _searched(
        self, which: int, box: Box, others: int, cause: str, models: int
    ) -> Iterator[tuple[str, Replay | None]]:
        """For each model that is not excluded in all of the box, a request that shows it."""
        pair = self._pair
        if pair.cover.uncovered(box, others | pair.impossible) is None:
            return
        shown = self._shown.setdefault((cause, which), [])
        for model in bits(models):
            name = pair.names[model]
            if any(_flips(each, which, name) for each in shown):
                continue
            made = self._find(which, box, others, name)
            if made is not None:
                inside = self._widened(box, others & ~pair.removers[which][model])
                shown.append(made)
                self.regions.append(Region(cause, spell_box(pair.space, inside), made, inside))
            yield name, made

    def _widened(self, box: Box, others: int) -> Box:
        """A part of a box that no other meets, as wide as it can be; the box itself where such a
        part takes many words to describe.

        Args:
            box: The box, in which one policy excludes a model.
            others: The boxes in which only the other one does.
        """
        cover = self._pair.cover
        part = cover.uncovered(box, others | self._pair.impossible)
        inside = dict(part or box)
        for dimension in list(inside):
            wider = {d: cells for d, cells in inside.items() if d != dimension}
            if dimension in box:
                wider[dimension] = box[dimension]
            if not cover.meeting(wider) & others:
                inside = wider
        return inside if len(inside) <= len(box) + _WORDS else box

    def _find(self, which: int, box: Box, others: int, name: str) -> Replay | None:
        """A request in a box that only one of the policies lets a model answer."""
        old, new = self._pair.policies
        target = self._pair.policies[1 - which].models_by_name.get(name)

        def flips(witness: Witness) -> Replay | None:
            made = replay(old, new, witness)
            return made if made is not None and _flips(made, which, name) else None

        return search(self._pair, self._takes, box, others, flips, target=target)

    def _wide(self, which: int, cause: str) -> None:
        """A condition that has too many boxes is only compared where it is written alike."""
        same = [p for p in self._pair.excluding[1 - which] if self._pair.boxes_of(p.where) is None]
        own = [p for p in self._pair.excluding[which] if p.says == cause]
        if not any(p.where == q.where and p.models == q.models for p in own for q in same):
            self.doubts[f"the condition of {cause} has too many combinations"] = None

    def _doubt(self, cause: str, name: str, box: Box) -> None:
        pair = self._pair
        patterns = [pair.space.dimensions[d].detail for d in box if d in pair.patterns]
        why = f", which depends on the pattern `{patterns[0]}`" if patterns else ""
        self.doubts[f"{cause} may matter to `{name}`{why}"] = None


def search(
    pair: Pair,
    takes: Policy,
    box: Box,
    others: int,
    accepts: Callable[[Witness], Replay | None],
    *,
    target: Model | None = None,
) -> Replay | None:
    """A request in a box, outside of some others, that a function accepts.

    Args:
        pair: The policies.
        takes: A policy with the common vocabulary, which requests are made for.
        box: Where to look.
        others: Boxes that do not count.
        accepts: Returns what a request shows; None for one that is not accepted.
        target: The model that is to answer, if any.

    Raises:
        GaveUp: The question takes too many steps.
    """
    open_ = [box]
    for _ in range(_PROBES):
        if not open_:
            return None
        inside = open_.pop()
        part = pair.cover.uncovered(inside, others | pair.impossible)
        if part is None:
            continue
        for witness in witnesses(takes, pair.space, part, target):
            made = accepts(witness)
            if made is not None:
                return made
        open_ += without(inside, part, pair.cover.live)
    return None


def _flips(made: Replay, which: int, name: str) -> bool:
    """Whether only the policy other than `which` lets a model answer."""
    return name in (made.lost if which else made.gained)
