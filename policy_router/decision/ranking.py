"""The order of the allowed models, and the key that gives each its place.

The order is lexicographic: models of the wanted tiers before weaker ones (the strongest of those
first), then what rules and tasks put first, then the keys of `prefer`, then written order. All but
two keys are fixed by the policy. `cheapest` depends on the ratio of output to input tokens: two
models change places at one ratio only, so the order between those ratios is computed once and kept.
`headroom` depends on what is left of the limits, and is sorted each time.

Orders are kept because sorting 50 models and wording their places for each request would take far
longer than the rest of the decision, which `benchmarks/decide.py` measures.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.bitset import bits, flags_in
from policy_router.domain.decision import Candidate
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.domain.models import Model

LOCAL_TAG: Final = "local"
_INFINITE: Final = float("inf")
CLOSE: Final = 1e-9
MOST_PRICES: Final = 512
"""Any two prices may be equal at a ratio of their own. With more prices than this, the models are
sorted for each request."""
LINES: Final = 1024
"""The most orders of all models that are kept; when there are more, all are dropped."""

First: TypeAlias = tuple[int, ...]
"""What is put first, by the numbers that `Rankings.put` returned; earlier ones win."""


def sort_value(key: SortKey, model: Model, tokens: int, output: int) -> float:
    """The value that a key sorts a model by; smaller comes first, and what is unknown comes last.

    Args:
        key: The key.
        model: The model.
        tokens: Input tokens of the request.
        output: Output tokens of the request, as estimated.
    """
    match key:
        case SortKey.FREE:
            return not model.free
        case SortKey.LOCAL:
            return LOCAL_TAG not in model.tags
        case SortKey.SMALLEST:
            return model.rank
        case SortKey.CHEAPEST:
            price = model.price
            return _INFINITE if price is None else tokens * price.input + output * price.output
        case SortKey.FASTEST:
            return _INFINITE if model.latency is None else model.latency
        case SortKey.QUALITY:
            return -model.quality
        case _:
            return 0  # RELIABLE has no data yet, and HEADROOM depends on readings


_WORDS: Final[dict[SortKey, tuple[str, str]]] = {
    SortKey.FREE: ("free first", "paid, after the free ones"),
    SortKey.LOCAL: ("local first", "not local, after the local ones"),
    SortKey.SMALLEST: ("smallest tier first", "larger tier"),
    SortKey.CHEAPEST: ("cheapest first", "next cheapest"),
    SortKey.FASTEST: ("fastest first", "next fastest"),
    SortKey.QUALITY: ("best quality first", "next in quality"),
    SortKey.HEADROOM: ("most quota left", "less quota left"),
}
WRITTEN: Final = "written order"


@dataclass(frozen=True, slots=True)
class _Line:
    """All models in one order: those of the wanted tiers, then the weaker ones.

    Attributes:
        strong: The models of the wanted tiers (bit i: model i).
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

    def __init__(self, make: Callable[[str, str], Candidate]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, pair: tuple[str, str]) -> Candidate:
        candidate = self[pair] = self._make(*pair)
        return candidate


class _Ranking:
    """The orders of the models by the keys of one `prefer`.

    The keys before `cheapest` divide the models into groups. Within a group the ratio of output to
    input decides, and the keys after it where costs are equal.
    """

    def __init__(
        self,
        models: tuple[Model, ...],
        prefer: tuple[SortKey, ...],
        stepping: Sequence[Sequence[Candidate]],
    ) -> None:
        self._models = models
        self._by_name = {m.name: m for m in models}
        self._prefer = prefer
        self._stepping = stepping
        cost = prefer.index(SortKey.CHEAPEST) if SortKey.CHEAPEST in prefer else len(prefer)
        self._before = _ranks(models, prefer[:cost])
        self._after = _ranks(models, prefer[cost + 1 :])
        self._by_cost = cost < len(prefer)
        groups: dict[int, list[Model]] = {}
        for i, model in enumerate(models):
            groups.setdefault(self._before[i], []).append(model)
        prices = max(len({m.price for m in group}) for group in groups.values()) if groups else 0
        self._each = self._by_cost and prices > MOST_PRICES
        cells = self._by_cost and not self._each
        ratios = [r for group in groups.values() if cells for r in crossings(group)]
        self._ratios = tuple(sorted(set(ratios)))
        self.lines: dict[tuple[int | None, int], _Line] = {}
        self._words = [*(key.value for key in prefer), WRITTEN]
        self._worded: dict[tuple[str, str, str], Candidate] = {}
        self.heads = _Pairs(partial(self._apart, 0))
        self.followers = _Pairs(partial(self._apart, 1))
        self.kept: dict[tuple[int, int, First, int | None], tuple[Candidate, ...]] = {}

    def cell(self, tokens: int, output: int) -> int | None:
        """The number of the interval between ratios that a request lies in.

        None where it is so close to a ratio that floating point does not distinguish the two, and
        models may cost the same; and where there are too many ratios.
        """
        if self._each:
            return None
        ratios = self._ratios
        if not ratios:
            return 0
        ratio = output / (tokens + output)
        at = bisect_right(ratios, ratio)
        if at and ratio - ratios[at - 1] < CLOSE:
            return None
        return None if at < len(ratios) and ratios[at] - ratio < CLOSE else at

    def line(self, cell: int | None, floor: int, tokens: int, output: int) -> _Line:
        """The order of the models in an interval; without one, for these numbers of tokens."""
        before, after, models = self._before, self._after, self._models
        costs = [0.0] * len(before)
        if self._by_cost:
            costs = [sort_value(SortKey.CHEAPEST, m, tokens, output) for m in models]
        rows = list(zip(before, costs, after, strict=True))
        order = sorted(range(len(rows)), key=rows.__getitem__)
        strong = [i for i in order if models[i].rank >= floor]
        weak = [i for i in order if models[i].rank < floor]
        weak.sort(key=lambda i: -models[i].rank)
        # The first one is paired with itself: its reason depends on which model follows.
        pairs = zip(strong, [*strong[:1], *strong], strict=False)
        placed = [self.followers[models[i].name, models[other].name] for i, other in pairs]
        # A model after excluded ones is placed by the most important key among theirs and its own.
        # That does not hold at the exact ratio where prices are equal: there every gap is examined.
        weights = [self._words.index(candidate.placed_by) for candidate in placed]
        gaps = [at for at, (here, after) in enumerate(pairwise(weights)) if here < after]
        line = _Line(
            strong=sum(1 << i for i in strong),
            candidates=(*placed, *(self._stepping[floor][i] for i in weak)),
            flags=flags_in([*strong, *weak]),
            breaks=range(1, len(strong)) if cell is None else gaps,
        )
        if cell is not None:
            if len(self.lines) >= LINES:
                self.lines.clear()
            self.lines[cell, floor] = line
        return line

    def _apart(self, place: int, name: str, other: str) -> Candidate:
        """A candidate, by its difference from the next one (place 0) or the previous (place 1)."""
        model = self._by_name[name]
        key = _apart(self._prefer, model, self._by_name[other])
        words = (key.value, _WORDS[key][place]) if key else (WRITTEN, WRITTEN)
        return self._worded.setdefault((name, *words), Candidate(model, *words))


class Rankings:
    """The orders of one policy's models, each computed when it is first needed."""

    KEPT: Final = 4096
    RANKINGS: Final = 16

    def __init__(
        self, models: Sequence[Model], tiers: Sequence[str], prefer: tuple[SortKey, ...]
    ) -> None:
        self._models = tuple(models)
        self._tiers = tuple(tiers)
        self.below = tuple(
            sum(1 << i for i, m in enumerate(models) if m.rank < rank) for rank in range(len(tiers))
        )
        self._usual = prefer
        self._stepping = [
            [Candidate(m, "step_down", f"last resort: below tier `{tier}`") for m in models]
            for tier in tiers
        ]
        self._ranking = _Ranking(self._models, prefer, self._stepping)
        self._rankings: dict[tuple[SortKey, ...], _Ranking] = {}
        self._put: list[tuple[int, Candidate]] = []

    def put(self, i: int, source: str) -> int:
        """Register that a rule or task puts a model first.

        Args:
            i: Position of the model.
            source: The rule or task, such as ``rule `x` ``.

        Returns:
            A number for `First`.
        """
        self._put.append((1 << i, Candidate(self._models[i], "first", f"put first by {source}")))
        return len(self._put) - 1

    def candidates(  # noqa: PLR0917  what a decision has worked out by then
        self,
        allowed: int,
        floor: int,
        first: First,
        prefer: tuple[SortKey, ...],
        tokens: int,
        output: int,
    ) -> tuple[Candidate, ...]:
        """The allowed models in order, each with what gives it its place.

        Args:
            allowed: The allowed models (bit i: model i).
            floor: Rank of the lowest tier that is wanted.
            first: What is put first.
            prefer: The sort keys.
            tokens: Input tokens.
            output: Output tokens, as estimated.
        """
        ranking = self._ranking if prefer is self._usual else self._unusual(prefer)
        cell = ranking.cell(tokens, output)
        name = (allowed, floor, first, cell)
        ordered = ranking.kept.get(name)
        if ordered is None:
            line = ranking.lines.get((cell, floor)) or ranking.line(cell, floor, tokens, output)
            ordered = self._arrange(allowed, floor, first, ranking, line)
            if cell is not None:
                if len(ranking.kept) >= self.KEPT:
                    ranking.kept.clear()
                ranking.kept[name] = ordered
        return ordered

    def by_headroom(  # noqa: PLR0917  as above
        self,
        allowed: int,
        floor: int,
        first: First,
        prefer: tuple[SortKey, ...],
        tokens: int,
        output: int,
        headroom: Sequence[float],
    ) -> tuple[Candidate, ...]:
        """Like `candidates`, for a `prefer` that contains `headroom`.

        Args:
            allowed: The allowed models (bit i: model i).
            floor: Rank of the lowest tier that is wanted.
            first: What is put first.
            prefer: The sort keys.
            tokens: Input tokens.
            output: Output tokens, as estimated.
            headroom: For each model the share of its fullest limit that is left, 0..1.
        """
        models = self._models

        def values(i: int) -> tuple[float, ...]:
            return tuple(
                -headroom[i]
                if key is SortKey.HEADROOM
                else sort_value(key, models[i], tokens, output)
                for key in prefer
            )

        weak = allowed & self.below[floor]
        keyed = allowed ^ weak
        ordered = []
        for number in first:
            bit, candidate = self._put[number]
            if keyed & bit:
                keyed ^= bit
                ordered.append(candidate)
        order = sorted(bits(keyed), key=values)
        if len(order) == 1:
            ordered.append(self._lone(models[order[0]], floor, bool(ordered), bool(weak)))
        else:
            for position, i in enumerate(order):
                other = order[position - 1] if position else order[1]
                pairs = zip(prefer, values(i), values(other), strict=True)
                key = next((k for k, here, there in pairs if here != there), None)
                words = (key.value, _WORDS[key][position > 0]) if key else (WRITTEN, WRITTEN)
                ordered.append(Candidate(models[i], *words))
        stepping = self._stepping[floor]
        ordered += [
            stepping[i] for i in sorted(bits(weak), key=lambda i: (-models[i].rank, values(i)))
        ]
        return tuple(ordered)

    def _lone(self, model: Model, floor: int, after_first: bool, before_weak: bool) -> Candidate:
        """The only model that the keys have to place."""
        detail = "the only model left"
        if after_first:
            detail = "the only other model"
        elif before_weak:
            detail = f"the only model of tier `{self._tiers[floor]}` or better"
        return Candidate(model, "only candidate", detail)

    def _unusual(self, prefer: tuple[SortKey, ...]) -> _Ranking:
        """The ranking by the keys of a request."""
        ranking = self._rankings.get(prefer)
        if ranking is None:
            if len(self._rankings) >= self.RANKINGS:
                self._rankings.clear()
            ranking = self._rankings[prefer] = _Ranking(self._models, prefer, self._stepping)
        return ranking

    def _arrange(
        self, allowed: int, floor: int, first: First, ranking: _Ranking, line: _Line
    ) -> tuple[Candidate, ...]:
        keyed = allowed & line.strong
        ordered = []
        for number in first:
            bit, candidate = self._put[number]
            if keyed & bit:
                keyed ^= bit
                allowed ^= bit
                ordered.append(candidate)
        start = len(ordered)
        end = start + keyed.bit_count()
        flags = line.flags(allowed)
        ordered += compress(line.candidates, flags)
        if end - start > 1:
            ordered[start] = ranking.heads[ordered[start].model.name, ordered[start + 1].model.name]
            for gap in line.breaks:
                if not flags[gap]:
                    position = start + flags.count(1, 0, gap)  # the model after the gap
                    if start < position < end:
                        pair = ordered[position].model.name, ordered[position - 1].model.name
                        ordered[position] = ranking.followers[pair]
        elif end > start:
            weaker = allowed != keyed
            ordered[start] = self._lone(ordered[start].model, floor, start > 0, weaker)
        return tuple(ordered)


def _ranks(models: Sequence[Model], keys: tuple[SortKey, ...]) -> list[int]:
    """The rank of each model by the keys together; equal models share one."""
    values = [tuple(sort_value(k, m, 0, 0) for k in keys) for m in models]
    rank = {value: i for i, value in enumerate(sorted(set(values)))}
    return [rank[value] for value in values]


def _apart(prefer: tuple[SortKey, ...], model: Model, other: Model) -> SortKey | None:
    """The first key by which two models differ, at any ratio but the one of equal cost."""
    for key in prefer:
        if key is SortKey.CHEAPEST:
            if model.price != other.price:
                return key
        elif sort_value(key, model, 0, 0) != sort_value(key, other, 0, 0):
            return key
    return None


def crossings(models: Sequence[Model]) -> tuple[float, ...]:
    """The shares of output in all tokens at which two models cost the same, ascending."""
    prices = {(m.price.input, m.price.output) for m in models if m.price is not None}
    shares = set()
    for in_a, out_a in prices:
        for in_b, out_b in prices:
            # input costs more and output does not: equal where in*(1-x) + out*x is the same
            if in_a > in_b and out_a <= out_b:
                shares.add((in_a - in_b) / ((in_a - in_b) + (out_b - out_a)))
    return tuple(sorted(shares))
