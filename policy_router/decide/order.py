"""Which of the allowed models comes first, and by which key.

The order is lexicographic: models of the wanted tiers before weaker ones (those strongest first),
then `first` lists, then the keys of `prefer`, then written order. All of it is fixed by the policy
but `cheapest`, which depends on how the request splits into input and output tokens. Two models
change places at one ratio only, so between those ratios the order is computed once and kept.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.model import Candidate, Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.model import Model

LOCAL_TAG: Final = "local"
_INFINITE: Final = float("inf")
CLOSE: Final = 1e-9

First: TypeAlias = tuple[tuple[int, str], ...]
"""Models put first: position and who says so, earliest wins."""


def sort_value(key: Key, model: Model, tokens: int, output: int) -> float:
    """The model's place by one key; smaller comes first. Unknown values come last."""
    match key:
        case Key.FREE:
            return not model.free
        case Key.LOCAL:
            return LOCAL_TAG not in model.tags
        case Key.SMALLEST:
            return model.rank
        case Key.CHEAPEST:
            price = model.price
            return _INFINITE if price is None else tokens * price.input + output * price.output
        case Key.FASTEST:
            return _INFINITE if model.latency is None else model.latency
        case Key.QUALITY:
            return -model.quality
        case _:
            return 0  # nothing is known of RELIABLE and HEADROOM without a store


_WORDS: Final[dict[Key, tuple[str, str]]] = {
    Key.FREE: ("free first", "paid, after the free ones"),
    Key.LOCAL: ("local first", "not local, after the local ones"),
    Key.SMALLEST: ("smallest tier first", "larger tier"),
    Key.CHEAPEST: ("cheapest first", "next cheapest"),
    Key.FASTEST: ("fastest first", "next fastest"),
    Key.QUALITY: ("best quality first", "next in quality"),
}
WRITTEN: Final = "written order"


Positions: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


class _Ranking:
    """Models by the keys of one `prefer`.

    The keys before `cheapest` put the models into groups, within which the ratio of output to input
    decides; the keys after it decide among equal costs.
    """

    def __init__(self, models: tuple[Model, ...], prefer: tuple[Key, ...]) -> None:
        self._models = models
        self._prefer = prefer
        cost = prefer.index(Key.CHEAPEST) if Key.CHEAPEST in prefer else len(prefer)
        self._before = _ranks(models, prefer[:cost])
        self._after = _ranks(models, prefer[cost + 1 :])
        self._by_cost = cost < len(prefer)
        groups: dict[int, list[Model]] = {}
        for i, model in enumerate(models):
            groups.setdefault(self._before[i], []).append(model)
        ratios = [r for group in groups.values() for r in crossings(group)]
        self._ratios = tuple(sorted(set(ratios))) if self._by_cost else ()
        self._sorted: dict[tuple[int, int], Positions] = {}
        # Who stands beside whom decides a candidate's reason; each pair is worded once. The first
        # row is by the model at the head and the one after it, the others by the one before.
        blank: list[Candidate | None] = [None] * len(models)
        self._heads = [blank.copy() for _ in models]
        self._followers = [blank.copy() for _ in models]
        self.kept: dict[tuple[int, int, First, int], tuple[Candidate, ...]] = {}

    def cell(self, tokens: int, output: int) -> int | None:
        """Between which two crossing ratios the request lies; None when too close to one to be
        told apart in floating point, where models may also tie."""
        ratios = self._ratios
        if not ratios:
            return 0
        ratio = output / (tokens + output)
        at = bisect_right(ratios, ratio)
        if at and ratio - ratios[at - 1] < CLOSE:
            return None
        return None if at < len(ratios) and ratios[at] - ratio < CLOSE else at

    def positions(self, cell: int | None, floor: int, tokens: int, output: int) -> Positions:
        """The models' positions in this cell or at these very numbers: those of the wanted tiers,
        best first, and the weaker ones, strongest first."""
        found = None if cell is None else self._sorted.get((cell, floor))
        if found is None:
            before, after, models = self._before, self._after, self._models
            costs = [0.0] * len(before)
            if self._by_cost:
                costs = [sort_value(Key.CHEAPEST, m, tokens, output) for m in models]
            rows = list(zip(before, costs, after, strict=True))
            order = sorted(range(len(rows)), key=rows.__getitem__)
            strong = tuple(i for i in order if models[i].rank >= floor)
            weak = [i for i in order if models[i].rank < floor]
            found = strong, tuple(sorted(weak, key=lambda i: -models[i].rank))
            if cell is not None:
                self._sorted[cell, floor] = found
        return found

    def explained(self, keyed: list[int]) -> list[Candidate]:
        """Two or more models in order as candidates, each with the key that gave it its place."""
        before, after = keyed[0], keyed[1]
        found = [self._heads[before][after] or self._head(before, after)]
        followers = self._followers
        for i in keyed[1:]:
            found.append(followers[before][i] or self._follower(before, i))
            before = i
        return found

    def _head(self, i: int, after: int) -> Candidate:
        found = self._heads[i][after] = self._apart(i, after, 0)
        return found

    def _follower(self, before: int, i: int) -> Candidate:
        found = self._followers[before][i] = self._apart(i, before, 1)
        return found

    def _apart(self, i: int, other: int, place: int) -> Candidate:
        """A candidate set apart from another, at the head (place 0) or after it (place 1)."""
        here = self._models[i]
        key = _apart(self._prefer, here, self._models[other])
        words = (key.value, _WORDS[key][place]) if key else (WRITTEN, WRITTEN)
        return Candidate(here, *words)


class Order:
    """The orders of one policy's models, each computed when first asked for."""

    KEPT: Final = 4096
    RANKINGS: Final = 16

    def __init__(
        self, models: Sequence[Model], tiers: Sequence[str], prefer: tuple[Key, ...]
    ) -> None:
        self._models = tuple(models)
        self._tiers = tuple(tiers)
        self.below = tuple(
            sum(1 << i for i, m in enumerate(models) if m.rank < rank) for rank in range(len(tiers))
        )
        self._usual = prefer
        self._ranking = _Ranking(self._models, prefer)
        self._rankings: dict[tuple[Key, ...], _Ranking] = {}
        # At most one per rule and model, and one per tier and model.
        self._put: dict[tuple[int, str], Candidate] = {}
        self._stepping: dict[int, list[Candidate]] = {}

    def candidates(  # noqa: PLR0917  what a decision has worked out by then
        self,
        allowed: int,
        floor: int,
        first: First,
        prefer: tuple[Key, ...],
        tokens: int,
        output: int,
    ) -> tuple[Candidate, ...]:
        """The allowed models (bit i: model i) in order, each with what gave it its place."""
        ranking = self._ranking if prefer is self._usual else self._unusual(prefer)
        cell = ranking.cell(tokens, output)
        if cell is None:
            positions = ranking.positions(None, floor, tokens, output)
            return self._arrange(allowed, floor, first, ranking, positions)
        name = (allowed, floor, first, cell)
        found = ranking.kept.get(name)
        if found is None:
            positions = ranking.positions(cell, floor, tokens, output)
            found = self._arrange(allowed, floor, first, ranking, positions)
            if len(ranking.kept) >= self.KEPT:
                ranking.kept.clear()
            ranking.kept[name] = found
        return found

    def _unusual(self, prefer: tuple[Key, ...]) -> _Ranking:
        """The ranking by keys that a request brought along."""
        ranking = self._rankings.get(prefer)
        if ranking is None:
            if len(self._rankings) >= self.RANKINGS:
                self._rankings.clear()
            ranking = self._rankings[prefer] = _Ranking(self._models, prefer)
        return ranking

    def _arrange(
        self,
        allowed: int,
        floor: int,
        first: First,
        ranking: _Ranking,
        positions: Positions,
    ) -> tuple[Candidate, ...]:
        weak = allowed & self.below[floor]
        keyed = allowed ^ weak
        found = []
        for put in first:
            if keyed >> put[0] & 1:
                keyed ^= 1 << put[0]
                found.append(self._put.get(put) or self._put_first(put))
        chosen = [i for i in positions[0] if keyed >> i & 1]
        if len(chosen) > 1:
            found += ranking.explained(chosen)
        elif chosen:
            lone = "the only model left"
            if found:
                lone = "the only other model"
            elif weak:
                lone = f"the only model of tier `{self._tiers[floor]}` or better"
            found.append(Candidate(self._models[chosen[0]], "only candidate", lone))
        if weak:
            stepping = self._stepping.get(floor) or self._step_down(floor)
            found += [stepping[i] for i in positions[1] if weak >> i & 1]
        return tuple(found)

    def _put_first(self, put: tuple[int, str]) -> Candidate:
        i, who = put
        found = self._put[put] = Candidate(self._models[i], "first", f"put first by {who}")
        return found

    def _step_down(self, floor: int) -> list[Candidate]:
        words = f"last resort: below tier `{self._tiers[floor]}`"
        found = [Candidate(m, "step_down", words) for m in self._models]
        self._stepping[floor] = found
        return found


def _ranks(models: Sequence[Model], keys: tuple[Key, ...]) -> list[int]:
    """Each model's rank by the keys together; equal models share one."""
    values = [tuple(sort_value(k, m, 0, 0) for k in keys) for m in models]
    rank = {value: i for i, value in enumerate(sorted(set(values)))}
    return [rank[value] for value in values]


def _apart(prefer: tuple[Key, ...], here: Model, there: Model) -> Key | None:
    """The first key by which two models differ, wherever the request is not at the very ratio at
    which they cost the same."""
    for key in prefer:
        if key is Key.CHEAPEST:
            if here.price != there.price:
                return key
        elif sort_value(key, here, 0, 0) != sort_value(key, there, 0, 0):
            return key
    return None


def crossings(models: Sequence[Model]) -> tuple[float, ...]:
    """Shares of output in all tokens at which two priced models cost the same, ascending."""
    prices = {(m.price.input, m.price.output) for m in models if m.price is not None}
    found = set()
    for in_a, out_a in prices:
        for in_b, out_b in prices:
            # a is dearer for input and cheaper for output: equal where in*(1-x) + out*x meet
            if in_a > in_b and out_a < out_b:
                found.add((in_a - in_b) / ((in_a - in_b) + (out_b - out_a)))
    return tuple(sorted(found))
