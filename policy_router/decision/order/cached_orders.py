"""The orders of the models by keys that depend on the policy alone, each sorted once and cached.

`cheapest` depends on the ratio of output to input tokens, so there is one order for each interval
of `CostRatios`. Orders are kept because sorting 50 models and wording their places for each request
would take far longer than the rest of the decision, which `benchmarks/decide.py` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Final

from policy_router.decision.bitset import flags_in
from policy_router.decision.order.cost_ratios import CostRatios
from policy_router.decision.order.sort_keys import WRITTEN, apart, cost, ranks, words_of
from policy_router.decision.order.sorting import sorted_candidates
from policy_router.domain.decision import Candidate
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.order.fixed_places import First, FixedPlaces
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey

LINES: Final = 1024
"""The most orders of all models that are kept; when there are more, all are dropped."""


@dataclass(frozen=True, slots=True)
class _Line:
    """All models in one order: those of the required tiers, then the weaker ones.

    Attributes:
        strong: The models of the required tiers (bit i: model i).
        candidates: Each model, with what gives it its place when no model is excluded.
        flags: Turns a set of models into one byte for each, in this order.
        breaks: Positions of models without which the next one may have another reason.
    """

    strong: int
    candidates: tuple[Candidate, ...]
    flags: Callable[[int], bytes]
    breaks: Sequence[int]


class _Pairs(dict[tuple[str, str], Candidate]):
    """Candidates by the names of two neighbours. Each is made once."""

    def __init__(
        self,
        priced: Mapping[str, tuple[Model, Model]],
        prefer: tuple[OrderKey, ...],
        worded: dict[tuple[str, str, str], Candidate],
        *,
        follows: bool,
    ) -> None:
        """Prepare the candidates.

        Args:
            priced: Each model, and the same with the prices in force, by name.
            prefer: The sort keys.
            worded: The candidates by name and words, for all pairs whose words are the same.
            follows: Whether the second neighbour is the previous one; else it is the next one.
        """
        super().__init__()
        self._priced = priced
        self._prefer = prefer
        self._worded = worded
        self._follows = follows

    def __missing__(self, pair: tuple[str, str]) -> Candidate:
        (model, priced), (_, other) = self._priced[pair[0]], self._priced[pair[1]]
        key = apart(self._prefer, priced, other)
        words = words_of(key, follows=self._follows) if key else (WRITTEN, WRITTEN)
        named = (model.name, *words)
        candidate = self[pair] = self._worded.setdefault(named, Candidate(model, *words))
        return candidate


class CachedOrders:
    """The orders of the models by the keys of one `prefer`.

    The keys before `cheapest` divide the models into groups. Within a group the ratio of output to
    input decides, and the keys after it where costs are equal.

    Attributes:
        cell: Gives the interval of `CostRatios` that numbers of input and output tokens lie in.
        lines: The orders that are kept, by interval and rank of the lowest tier wanted.
    """

    KEPT: Final = 4096

    def __init__(
        self,
        places: FixedPlaces,
        prefer: tuple[OrderKey, ...],
        models: Sequence[Model] | None = None,
    ) -> None:
        """Prepare the orders.

        Args:
            places: The places that no key gives.
            prefer: The sort keys.
            models: The models with the prices in force, where those depend on the hour.
        """
        models = places.models if models is None else models
        self._places = places
        self._models = models
        by_name = {m.name: (m, priced) for m, priced in zip(places.models, models, strict=True)}
        self._prefer = prefer
        by_cost = prefer.index(SortKey.CHEAPEST) if SortKey.CHEAPEST in prefer else len(prefer)
        self._before = ranks(models, prefer[:by_cost])
        self._after = ranks(models, prefer[by_cost + 1 :])
        self._by_cost = by_cost < len(prefer)
        self._grouped = SortKey.SAME_MODEL in prefer  # the order depends on which models are left
        groups: dict[int, list[Model]] = {}
        for i, model in enumerate(models):
            groups.setdefault(self._before[i], []).append(model)
        self.cell = CostRatios(groups.values() if self._by_cost else ()).cell
        self.lines: dict[tuple[int | None, int], _Line] = {}
        self._words = [*(key.value for key in prefer), WRITTEN]
        worded: dict[tuple[str, str, str], Candidate] = {}
        self._heads = _Pairs(by_name, prefer, worded, follows=False)
        self._followers = _Pairs(by_name, prefer, worded, follows=True)
        self._kept: dict[tuple[int, int, First, int | None], tuple[Candidate, ...]] = {}

    def candidates(
        self, allowed: int, floor: int, first: First, tokens: int, output: int
    ) -> tuple[Candidate, ...]:
        """The allowed models in order, each with what gives it its place.

        Args:
            allowed: The allowed models (bit i: model i).
            floor: Rank of the lowest tier that is wanted.
            first: What is put first.
            tokens: Input tokens.
            output: Output tokens, as estimated.
        """
        cell = self.cell(tokens, output)
        name = (allowed, floor, first, cell)
        ordered = self._kept.get(name)
        if ordered is None:
            if self._grouped:
                values: dict[OrderKey, list[float]] = {}
                if self._by_cost:
                    values[SortKey.CHEAPEST] = [cost(m, tokens, output) for m in self._models]
                ordered = sorted_candidates(
                    self._places, allowed, floor, first, self._prefer, tokens, output, values
                )
            else:
                line = self.lines.get((cell, floor)) or self._line(cell, floor, tokens, output)
                ordered = self._arranged(allowed, floor, first, line)
            if cell is not None:
                if len(self._kept) >= self.KEPT:
                    self._kept.clear()
                self._kept[name] = ordered
        return ordered

    def _line(self, cell: int | None, floor: int, tokens: int, output: int) -> _Line:
        """The order of the models in an interval; without one, for these numbers of tokens."""
        before, after, models = self._before, self._after, self._models
        costs = [0.0] * len(before)
        if self._by_cost:
            costs = [cost(m, tokens, output) for m in models]
        rows = list(zip(before, costs, after, strict=True))
        order = sorted(range(len(rows)), key=rows.__getitem__)
        strong = [i for i in order if models[i].rank >= floor]
        weak = [i for i in order if models[i].rank < floor]
        weak.sort(key=lambda i: -models[i].rank)
        # The first one is paired with itself: its reason depends on which model follows.
        pairs = zip(strong, [*strong[:1], *strong], strict=False)
        placed = [self._followers[models[i].name, models[other].name] for i, other in pairs]
        # A model after excluded ones is placed by the most important key among theirs and its own.
        # That does not hold at the exact ratio where prices are equal: there every gap is examined.
        weights = [self._words.index(candidate.placed_by) for candidate in placed]
        gaps = [at for at, (here, after) in enumerate(pairwise(weights)) if here < after]
        line = _Line(
            strong=sum(1 << i for i in strong),
            candidates=(*placed, *(self._places.stepping[floor][i] for i in weak)),
            flags=flags_in([*strong, *weak]),
            breaks=range(1, len(strong)) if cell is None else gaps,
        )
        if cell is not None:
            if len(self.lines) >= LINES:
                self.lines.clear()
            self.lines[cell, floor] = line
        return line

    def _arranged(
        self, allowed: int, floor: int, first: First, line: _Line
    ) -> tuple[Candidate, ...]:
        weak = allowed & ~line.strong
        ordered, keyed = self._places.put_first(first, allowed ^ weak)
        allowed = keyed | weak
        start = len(ordered)
        end = start + keyed.bit_count()
        flags = line.flags(allowed)
        ordered += compress(line.candidates, flags)
        if end - start > 1:
            ordered[start] = self._heads[ordered[start].model.name, ordered[start + 1].model.name]
            for gap in line.breaks:
                if not flags[gap]:
                    position = start + flags.count(1, 0, gap)  # the model after the gap
                    if start < position < end:
                        pair = ordered[position].model.name, ordered[position - 1].model.name
                        ordered[position] = self._followers[pair]
        elif end > start:
            ordered[start] = self._places.lone(
                ordered[start].model, floor, after_first=start > 0, before_weak=weak != 0
            )
        return tuple(ordered)
