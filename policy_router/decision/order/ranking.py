"""The order of the allowed models, and the key that gives each its place.

The order is lexicographic: models of the required tiers before weaker ones (the strongest of those
first), then what rules and tasks put first, then the keys of `prefer`, then written order. Orders
by keys that depend on the policy alone are cached for each combination of prices; where a key has
dynamic values, the models are sorted for each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.order.cached_orders import CachedOrders
from policy_router.decision.order.fixed_places import FixedPlaces
from policy_router.decision.order.measured_orders import MeasuredOrders
from policy_router.decision.order.price_periods import PricePeriods
from policy_router.decision.order.sorting import sorted_candidates
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.decision.order.fixed_places import First
    from policy_router.decision.order.price_periods import PricePeriod
    from policy_router.decision.order.sorting import Note
    from policy_router.domain.decision import Candidate
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey


class Rankings:
    """The orders of one policy's models.

    Attributes:
        below: For each rank of a tier the models of weaker ones (bit i: model i).
        put: Registers that a rule or task puts a model first; see `FixedPlaces.put`.
        keep: Registers that a session may put a model first; see `FixedPlaces.keep`.
        lead: Registers that an experiment puts a model first; see `FixedPlaces.lead`.
        measured: The orders where outcomes give the keys other values than the policy.
    """

    RANKINGS: Final = 16
    PERIODS: Final = 64

    def __init__(
        self,
        models: Sequence[Model],
        tiers: Sequence[str],
        prefer: tuple[OrderKey, ...],
        others: Iterable[tuple[OrderKey, ...]] = (),
    ) -> None:
        """Prepare the orders.

        Args:
            models: The models of the policy.
            tiers: Names of the tiers, weakest first.
            prefer: The sort keys of the policy.
            others: The sort keys of its rules and tasks; the orders by these are kept as well.
        """
        self._places = FixedPlaces(models, tiers)
        self.below = self._places.below
        self.put = self._places.put
        self.keep = self._places.keep
        self.lead = self._places.lead
        self.measured = MeasuredOrders(self._places)
        self._usual = prefer
        self._kept = CachedOrders(self._places, prefer)
        self._lasting = frozenset(others)
        self._of_policy: dict[tuple[OrderKey, ...], CachedOrders] = {}
        self._others: dict[tuple[OrderKey, ...], CachedOrders] = {}
        self._periods = PricePeriods(models)
        self._by_hour = not self._periods.plain
        self._by_period: dict[tuple[tuple[OrderKey, ...], PricePeriod], CachedOrders] = {}

    def candidates(  # noqa: PLR0917  what a decision has worked out by then
        self,
        allowed: int,
        floor: int,
        first: First,
        prefer: tuple[OrderKey, ...],
        tokens: int,
        output: int,
        values: Mapping[OrderKey, Sequence[float]] | None = None,
        now: float | None = None,
        note: Note | None = None,
    ) -> tuple[Candidate, ...]:
        """The allowed models in order, each with what gives it its place.

        Args:
            allowed: The allowed models (bit i: model i).
            floor: Rank of the lowest tier that is wanted.
            first: What is put first.
            prefer: The sort keys.
            tokens: Input tokens.
            output: Output tokens, as estimated.
            values: For each key with dynamic values, one number for each model; smaller comes
                first. Without any, a cached order is used.
            now: Unix time, for prices that depend on the hour; None without a clock.
            note: What to add to the words for a place; see `sorted_candidates`.
        """
        if values:
            return sorted_candidates(
                self._places, allowed, floor, first, prefer, tokens, output, values, note
            )
        if self._by_hour and SortKey.CHEAPEST in prefer:
            kept = self._kept_at(prefer, now)
        else:
            kept = self._kept if prefer is self._usual else self._kept_by(prefer)
        return kept.candidates(allowed, floor, first, tokens, output)

    def _kept_at(self, prefer: tuple[OrderKey, ...], now: float | None) -> CachedOrders:
        """The orders by keys, at the prices in force."""
        period = self._periods.at(now)
        name = prefer, period
        kept = self._by_period.get(name)
        if kept is None:
            if len(self._by_period) >= self.PERIODS:
                self._by_period.clear()
            kept = self._by_period[name] = CachedOrders(self._places, prefer, period.models)
        return kept

    def _kept_by(self, prefer: tuple[OrderKey, ...]) -> CachedOrders:
        """The orders by the keys of a rule, a task or a request."""
        kept = self._of_policy.get(prefer) or self._others.get(prefer)
        if kept is None:
            kept = CachedOrders(self._places, prefer)
            if prefer in self._lasting:
                self._of_policy[prefer] = kept
            else:
                if len(self._others) >= self.RANKINGS:
                    self._others.clear()
                self._others[prefer] = kept
        return kept
