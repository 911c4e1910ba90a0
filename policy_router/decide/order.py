"""Which of the allowed models comes first, and by which key.

The order is lexicographic: models of the wanted tiers before weaker ones (those strongest first),
then `first` lists, then the keys of `prefer`, then written order. All of it is fixed by the policy
but `cheapest`, which depends on how the request splits into input and output tokens. Two models
change places at one ratio only, so between those ratios the order is computed once and kept.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
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
        case Key.RELIABLE | Key.HEADROOM:
            return 0  # nothing is known of either without a store


_WORDS: Final[dict[Key, tuple[str, str]]] = {
    Key.FREE: ("free first", "paid, after the free ones"),
    Key.LOCAL: ("local first", "not local, after the local ones"),
    Key.SMALLEST: ("smallest tier first", "larger tier"),
    Key.CHEAPEST: ("cheapest first", "next cheapest"),
    Key.FASTEST: ("fastest first", "next fastest"),
    Key.QUALITY: ("best quality first", "next in quality"),
}
WRITTEN: Final = "written order"


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Models by the keys of a `prefer`: their positions in order, and each one's sort values."""

    positions: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]


class Order:
    """The orders of one policy's models, each computed when first asked for."""

    KEPT: Final = 4096

    def __init__(self, models: Sequence[Model], tiers: Sequence[str]) -> None:
        self._models = tuple(models)
        self._tiers = tuple(tiers)
        self._ratios = crossings(models)
        self._sorted: dict[tuple[tuple[Key, ...], int], _Sorted] = {}
        self._kept: dict[tuple[object, ...], tuple[Candidate, ...]] = {}

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
        cell = self._cell(tokens, output) if Key.CHEAPEST in prefer else 0
        if cell is None:
            by_keys = self._sort(prefer, tokens, output)
            return self._arrange(allowed, floor, first, prefer, by_keys)
        name = (allowed, floor, first, prefer, cell)
        found = self._kept.get(name)
        if found is None:
            base = self._sorted.get((prefer, cell))
            if base is None:
                base = self._sorted[prefer, cell] = self._sort(prefer, tokens, output)
            found = self._arrange(allowed, floor, first, prefer, base)
            if len(self._kept) >= self.KEPT:
                self._kept.clear()
            self._kept[name] = found
        return found

    def _cell(self, tokens: int, output: int) -> int | None:
        """Between which two crossing ratios the request lies; None when too close to one to be
        told apart in floating point, where models may also tie."""
        if not self._ratios or not tokens + output:
            return None if self._ratios else 0
        ratio = output / (tokens + output)
        at = bisect_right(self._ratios, ratio)
        near = self._ratios[max(0, at - 1) : at + 1]
        return None if any(abs(ratio - r) < CLOSE for r in near) else at

    def _sort(self, prefer: tuple[Key, ...], tokens: int, output: int) -> _Sorted:
        values = tuple(
            tuple(sort_value(k, m, tokens, output) for k in prefer) for m in self._models
        )
        return _Sorted(tuple(sorted(range(len(values)), key=values.__getitem__)), values)

    def _arrange(
        self, allowed: int, floor: int, first: First, prefer: tuple[Key, ...], by_keys: _Sorted
    ) -> tuple[Candidate, ...]:
        models = self._models
        chosen = [i for i in by_keys.positions if allowed >> i & 1]
        place: dict[int, tuple[int, str]] = {}
        for position, (i, who) in enumerate(first):
            if models[i].rank >= floor:
                place.setdefault(i, (position, who))
        weaker = [i for i in chosen if models[i].rank < floor]
        weaker.sort(key=lambda i: -models[i].rank)
        leading = sorted((i for i in chosen if i in place), key=place.__getitem__)
        keyed = [i for i in chosen if i not in place and models[i].rank >= floor]
        lone = "the only model left" if len(chosen) == 1 else "the only other model"
        found = [Candidate(models[i], "first", f"put first by {place[i][1]}") for i in leading]
        for n, i in enumerate(keyed):
            other = keyed[n - 1 if n else 1] if len(keyed) > 1 else None
            if other is None:
                by, why = "only candidate", lone
            else:
                by, why = _apart(prefer, by_keys.values[i], by_keys.values[other], head=n == 0)
            found.append(Candidate(models[i], by, why))
        found += [
            Candidate(models[i], "step_down", f"last resort: below tier `{self._tiers[floor]}`")
            for i in weaker
        ]
        return tuple(found)


def _apart(
    prefer: tuple[Key, ...], here: tuple[float, ...], there: tuple[float, ...], *, head: bool
) -> tuple[str, str]:
    """The first key by which two models differ, and words for the one standing `here`."""
    for key, mine, other in zip(prefer, here, there, strict=True):
        if mine != other:
            return key.value, _WORDS[key][not head]
    return WRITTEN, WRITTEN


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
