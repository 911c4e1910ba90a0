"""The orders of the models by measured values, cached until the measurements change.

Measurements change every few seconds, and in between they are the same for many requests. So the
values of each sort key are worked out once. Only costs depend on the single request, and only the
order of the costs matters.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from policy_router.decision.order.cost_ranks import CostRanks
from policy_router.decision.order.model_estimates import ModelEstimates, outcome_values
from policy_router.decision.order.sort_keys import cost
from policy_router.decision.order.sorting import sorted_candidates
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.order.cost_ranks import CostLine
    from policy_router.decision.order.fixed_places import First, FixedPlaces
    from policy_router.domain.decision import Candidate
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot

PLACES: Final = 2_000
"""The most places of models whose measured values are cached, with some orders of each."""
ORDERS: Final = 16
"""The most orders that are kept for the same measured values."""


class MeasuredOrders:
    """The orders of one policy's models by keys that have measured values.

    Args:
        places: The places that no key gives.
    """

    def __init__(self, places: FixedPlaces) -> None:
        self._places = places
        self._most = min(256, max(4, PLACES // max(1, len(places.models))))
        self._by: dict[tuple[int, tuple[OrderKey, ...], int], MeasuredOrder] = {}

    def by(
        self, request: Request, snapshot: Snapshot, prefer: tuple[OrderKey, ...], least: int
    ) -> MeasuredOrder | None:
        """The orders by some keys, whose only dynamic values are measured ones.

        Args:
            request: The request.
            snapshot: The state of the world, with what was measured. That does not change.
            prefer: The keys.
            least: The number of samples from which a measured value counts.

        Returns:
            None where the order is as declared, whatever was measured.
        """
        name = id(snapshot.measured), prefer, least
        order = self._by.get(name)  # it keeps what was measured, so that no other has that `id`
        if order is None:
            if len(self._by) >= self._most:
                self._by.clear()
            order = MeasuredOrder(self._places, request, snapshot, prefer, least)
            self._by[name] = order
        return order if order.matters else None


class MeasuredOrder:
    """The orders by some keys, for the same measured values.

    Attributes:
        matters: Whether any key sorts by other values than declared ones.
    """

    def __init__(
        self,
        places: FixedPlaces,
        request: Request,
        snapshot: Snapshot,
        prefer: tuple[OrderKey, ...],
        least: int,
    ) -> None:
        """Work out what the measured values mean for the keys.

        Args:
            places: The places that no key gives.
            request: Any request.
            snapshot: The state of the world, with what was measured.
            prefer: The keys.
            least: The number of samples from which a measured value counts.
        """
        models = places.models
        estimates = ModelEstimates(request, None, snapshot, least)
        self._places = places
        self._least = least
        self._measured = snapshot.measured
        self._prefer = prefer
        self._by_cost = SortKey.CHEAPEST in prefer
        self._values = outcome_values(estimates, models, prefer, snapshot.measured)
        lengths = self._by_cost and any(map(estimates.output, models))
        self.matters = bool(self._values) or lengths
        self._lines: dict[tuple[int | None, int], CostRanks] = {}
        self._kept: dict[tuple[object, ...], tuple[Candidate, ...]] = {}

    def candidates(
        self, request: Request, snapshot: Snapshot, allowed: int, floor: int, first: First
    ) -> tuple[Candidate, ...]:
        """The allowed models in order, each with what gives it its place.

        Args:
            request: The request, which costs no fees.
            snapshot: The state of the world.
            allowed: The allowed models (bit i: model i).
            floor: Rank of the lowest tier that is wanted.
            first: What is put first.
        """
        ranks: tuple[int, ...] = ()
        output: int | None = None
        if self._by_cost:
            output, tokens = request.max_tokens, request.tokens
            lines = self._lines.get((output, request.answers)) or self._lines_of(request, snapshot)
            ranks = lines.ranks(tokens)
        name = allowed, floor, first, output, ranks
        order = self._kept.get(name)
        if order is None:
            if len(self._kept) >= ORDERS:
                self._kept.clear()
            values: dict[OrderKey, Sequence[float]] = {**self._values}
            if ranks:
                values[SortKey.CHEAPEST] = ranks
            estimates = ModelEstimates(request, None, snapshot, self._least)
            note = partial(estimates.note, self._places.models)
            order = self._kept[name] = sorted_candidates(
                self._places, allowed, floor, first, self._prefer, 0, 0, values, note
            )
        return order

    def _lines_of(self, request: Request, snapshot: Snapshot) -> CostRanks:
        """What the models cost by the input tokens, with the output tokens of a request."""
        estimates = ModelEstimates(request, None, snapshot, self._least)
        lines = CostRanks([_line(m, request, estimates.output(m)) for m in self._places.models])
        if len(self._lines) >= ORDERS:
            self._lines.clear()
        self._lines[request.max_tokens, request.answers] = lines
        return lines


def _line(model: Model, request: Request, output: float | None) -> CostLine:
    price = model.price
    if price is None or model.free:
        return 0, cost(model, 0, 0)
    if output is None:
        output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    return price.input, output * request.answers * price.output
