"""Requests that lie alike for all conditions, and among them every order that costs can make.

`cheapest` compares models by a sum: tokens of the input and of the answer, each at its rate, and
fees. Where a rate, a fee or a prompt changes, the line moves along which two models cost the same.
If it moves inside a range of sizes, it meets the edges of the range at other places; so it is
enough to look at the sizes around these. Prices by the hour change at finitely many times of a
week, and one time is enough for each combination of prices.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import gcd
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.assurance.price_times import PriceTimes
from policy_router.assurance.sorting import sorts_by_cost
from policy_router.assurance.values import MOST, highest_number, lowest_number
from policy_router.decision.abilities import EMBEDDINGS
from policy_router.domain.condition import HAS_IMAGES, MAX_TOKENS, TOKENS
from policy_router.domain.models import TYPICAL_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.policy_pair import Pair
    from policy_router.assurance.witness import Witness
    from policy_router.decision.space import Box
    from policy_router.domain.models import Model

_MUCH: Final = 100_000
"""A number of output tokens that is higher than most."""
_BUDGET: Final = 40_000
"""Requests that are made at most, for two policies together."""
_MILLION: Final = 1_000_000


class _Line(NamedTuple):
    """Where two models cost the same: input tokens x `a` + output tokens x `b` + `c` is 0."""

    a: int
    b: int
    c: int


class _Sizes(NamedTuple):
    """The lowest and highest tokens of the input and of the answer, and whether the request may
    leave the latter open."""

    least: int
    most: int
    short: int
    long: int
    open: bool


class OrderSamples:
    """Makes the requests at which the order of two policies has to be compared.

    Attributes:
        complete: Whether all that are needed were made; it turns False when they are too many.
    """

    def __init__(self, pair: Pair) -> None:
        """Prepare.

        Args:
            pair: The policies.
        """
        self._pair = pair
        self._left = _BUDGET
        self.complete = True
        by_cost = any(map(sorts_by_cost, pair.policies))
        old, new = pair.policies
        common = [name for name in old.models_by_name if name in new.models_by_name]
        models = [p.models_by_name[name] for p in pair.policies for name in common]
        self._times = PriceTimes(pair.space, old.timezone, models if by_cost else ())
        places = [{n: i for i, n in enumerate(p.models_by_name)} for p in pair.policies]
        changed = {name for name in common if by_cost and self._costs(name)}
        self._moved = [
            (one, other)
            for one, other in combinations(common if by_cost else (), 2)
            if one in changed
            or other in changed
            or (places[0][one] < places[0][other]) != (places[1][one] < places[1][other])
        ]
        fees = {m.price.image for m in models if m.price is not None} if by_cost else set()
        self._pictures = (1, 1_000) if len(fees) > 1 else ()

    def _costs(self, name: str) -> bool:
        """Whether a model has another price or other prompts."""
        old, new = (policy.models_by_name[name] for policy in self._pair.policies)
        return old.price != new.price or self._prompts(0, name) != self._prompts(1, name)

    def _prompts(self, which: int, name: str) -> list[int]:
        prompts = self._pair.policies[which].prompts
        return [0, *(prompt.tokens for prompt in prompts if name in prompt.models)]

    def around(
        self, box: Box, witness: Witness, models: tuple[str, str] | None = None
    ) -> Iterator[Witness]:
        """The request, and others of the box that differ in size and time.

        Args:
            box: The box of the request.
            witness: The request.
            models: The two models whose order matters; None for all.
        """
        times, all_times = self._times.of(box, witness.now)
        self.complete = self.complete and all_times
        pairs = self._moved if models is None else [models]
        for now in times:
            timed = replace(witness, now=now)
            for made in self._of_sizes(box, timed, pairs):
                self._left -= 1
                if self._left < 0:
                    self.complete = False
                    return
                yield made

    def _of_sizes(
        self, box: Box, witness: Witness, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[Witness]:
        yield witness
        sizes = self._range(box)
        wide = _sized(witness, tokens=sizes.most)
        yield wide
        caps = dict.fromkeys((sizes.short, min(_MUCH, sizes.long), sizes.long))
        for each in (witness, wide):
            for cap in caps if sizes.long else ():
                yield _sized(each, max_tokens=cap)
            needs = frozenset({EMBEDDINGS, *each.request.needs})
            inputs = {"needs": needs, "answers": 0}
            yield _sized(each, largest_input=min(each.request.tokens, 1), **inputs)
        for pictures in self._pictures if self._may_have_pictures(box) else ():
            seen = frozenset({"vision", *witness.request.needs})
            yield _sized(witness, pictures=pictures, needs=seen)
        for one, other in pairs:
            for tokens, output in dict.fromkeys(self._at_equal_cost(one, other, sizes, witness)):
                if sizes.long and sizes.short <= output <= sizes.long:
                    yield _sized(witness, tokens=tokens, max_tokens=output)
                elif sizes.open and output == TYPICAL_OUTPUT:
                    yield _sized(witness, tokens=tokens)

    def _range(self, box: Box) -> _Sizes:
        """What sizes the requests in a box may have."""
        space = self._pair.space
        least, most, short, long, open_ = 0, MOST, 1, MOST, True
        for position, dimension in enumerate(space.dimensions):
            cells = box.get(position, dimension.live) & dimension.live
            if dimension.fact == TOKENS:
                fact = space.vocabulary.facts[TOKENS]
                least = int(lowest_number(dimension, fact, cells))
                most = min(MOST, highest_number(dimension, cells))
            elif dimension.fact == MAX_TOKENS:
                absent = 1 << dimension.size - 1
                stated, open_ = cells & ~absent, bool(cells & absent)
                if stated:
                    fact = space.vocabulary.facts[MAX_TOKENS]
                    short = max(1, int(lowest_number(dimension, fact, stated)))
                    long = min(MOST, highest_number(dimension, stated))
                else:
                    long = 0
        return _Sizes(least, most, short, long, open_)

    def _may_have_pictures(self, box: Box) -> bool:
        for position, dimension in enumerate(self._pair.space.dimensions):
            if dimension.fact == HAS_IMAGES and not self._seeing(box, position):
                return False
        return True

    def _seeing(self, box: Box, position: int) -> bool:
        """Whether a box has requests with pictures."""
        dimension = self._pair.space.dimensions[position]
        seeing = sum(1 << i for i, value in enumerate(dimension.constants) if value is True)
        return bool(box.get(position, dimension.live) & seeing)

    def _at_equal_cost(
        self, one: str, other: str, sizes: _Sizes, witness: Witness
    ) -> Iterator[tuple[int, int]]:
        """Sizes around those at which two models cost the same, under either policy."""
        outputs = [sizes.short, sizes.long] if sizes.long else []
        outputs += [TYPICAL_OUTPUT] if sizes.open else []
        for line in self._lines(one, other, witness):
            for output in outputs:
                yield from ((t, output) for t in _near(line.a, line.b * output + line.c, sizes[:2]))
            for tokens in sizes[:2] if sizes.long else ():
                ends = sizes.short, sizes.long
                yield from ((tokens, o) for o in _near(line.b, line.a * tokens + line.c, ends))
            exact = _on(line, sizes)
            if exact is not None:
                yield exact

    def _lines(self, one: str, other: str, witness: Witness) -> Iterator[_Line]:
        lines: dict[_Line, None] = {}
        for which, policy in enumerate(self._pair.policies):
            first, second = (_price(policy.models_by_name[name], witness) for name in (one, other))
            if first is None or second is None:
                continue
            (in_1, out_1, fee_1), (in_2, out_2, fee_2) = first, second
            for added in dict.fromkeys(self._prompts(which, one)):
                for more in dict.fromkeys(self._prompts(which, other)):
                    c = fee_1 - fee_2 + in_1 * added - in_2 * more
                    lines[_Line(in_1 - in_2, out_1 - out_2, c)] = None
        yield from lines


def _price(model: Model, witness: Witness) -> tuple[int, int, int] | None:
    """The rates and the fee of a model; None where it is sorted by something else."""
    if model.price is None or model.free:
        return None
    price = model.price.at(witness.now)
    return price.input, price.output, price.fee * _MILLION


def _sized(witness: Witness, **fields: Any) -> Witness:
    return replace(witness, request=replace(witness.request, **fields))


def _near(slope: int, rest: int, ends: Sequence[int]) -> Iterator[int]:
    """The integers around the value at which slope x value + rest is 0, between two ends."""
    if slope:
        middle = -rest // slope
        yield from (v for v in range(middle - 1, middle + 3) if ends[0] <= v <= ends[1])


def _on(line: _Line, sizes: _Sizes) -> tuple[int, int] | None:
    """Sizes at which two models cost exactly the same, away from the edges; None without any."""
    a, b, c = line
    if not a or not b or not sizes.long:
        return None
    divisor = gcd(a, b)
    if c % divisor:
        return None
    step = abs(b // divisor)
    first = -c // divisor * pow(a // divisor, -1, step) % step if step > 1 else 0
    # Output tokens are -(c + a x tokens) / b, which lie between their ends for these tokens:
    limits = sorted((-(c + b * output)) / a for output in (sizes.short, sizes.long))
    low = max(sizes.least, int(limits[0]))
    tokens = low + (first - low) % step
    output = -(c + a * tokens) // b
    inside = tokens <= sizes.most and sizes.short <= output <= sizes.long
    return (tokens, output) if inside else None
