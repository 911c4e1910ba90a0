"""What the limits and budgets of a policy mean for a request.

`decide` applies them to readings that were taken earlier, so its result is only advice. A
reservation uses the charges, and the answer of the store is then binding.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.bitset import bits, chosen
from policy_router.decision.limits.amounts import (
    OF_ATTEMPTS,
    fit_output_cap,
    largest_amount,
    refuses,
    share_output_cap,
)
from policy_router.decision.limits.readings import applies, narrowed, read_limit, without_room
from policy_router.decision.limits.subjects import limit_for, subject_of
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.limits import LEASE, Charge, Metric, WhenExhausted
from policy_router.domain.periods import Period
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import CounterKey, Limit
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot

_new_charge: Final = maker(Charge)


class LimitIndex:
    """The limits of one policy, prepared for lookups.

    A model that is not free needs a budget in dollars that covers it, and a known price where such
    a budget has a cap that refuses. Both depend on the policy and the request alone.

    Sets of models are ints: bit i is model i of the policy.

    Attributes:
        limits: Every limit and budget, in written order.
        plain: Whether no model is ever excluded for lack of a budget or a price.
        shadowing: Each limit in shadow, with an index in which it refuses and no other does.
        longest: Seconds after its reservation within which an attempt is sent. What it reserves is
            for the highest price in force within that time.
    """

    def __init__(
        self,
        models: Sequence[Model],
        limits: Sequence[Limit],
        longest: float = LEASE,
        enforced: Limit | None = None,
    ) -> None:
        """Prepare the limits of a policy.

        Args:
            models: The models of the policy.
            limits: Its limits and budgets.
            longest: See the attribute.
            enforced: The only limit that is to refuse: one in shadow, as it would without `shadow`.
        """
        self.limits = tuple(limits)
        self.longest = longest
        self._some_conditional = any(limit.when is not None for limit in limits)
        self._models = tuple(models)
        self._free = _set_of(models, lambda model: model.free)
        self._paid = _set_of(models, lambda model: not model.free)
        self._unpriced = _set_of(models, lambda model: not model.free and model.price is None)
        # What only counts protects from nothing, so it covers no model that costs money.
        money = [limit for limit in limits if limit.metric is Metric.USD and not limit.shadow]
        in_force = [limit for limit in limits if not limit.shadow]
        if enforced is not None:
            in_force = [replace(enforced, shadow=False)]
        self._refusing = [limit for limit in in_force if limit.refusing and limit.capped]
        self._capping = [limit for limit in self._refusing if limit.metric is Metric.USD]
        self._sized = [
            limit for limit in self._refusing if limit.metric in (Metric.TOKENS, Metric.USD)
        ]
        self._narrowing = [limit for limit in in_force if limit.narrow_at]
        self._conditional = [limit for limit in money if limit.when is not None]
        self._covered = _union(limit.models for limit in money if limit.when is None)
        self._capped = _union(limit.models for limit in self._capping if limit.when is None)
        self.plain = not (self._paid & ~self._covered) and not self._unpriced
        self.shadowing = tuple(
            (limit, LimitIndex(models, limits, longest, limit))
            for limit in limits
            if limit.shadow and enforced is None
        )

    def with_models(self, models: Sequence[Model]) -> LimitIndex:
        """The same limits over the models as they are called with a request.

        Args:
            models: The models of the policy in their order, each with the prompt that it gets.
        """
        index = copy(self)
        index._models = tuple(models)
        index.shadowing = tuple((lim, each.with_models(models)) for lim, each in self.shadowing)
        return index

    def applying(self, facts: Facts) -> Sequence[Limit]:
        """The limits whose condition holds, in written order."""
        if not self._some_conditional:
            return self.limits
        return [limit for limit in self.limits if applies(limit, facts)]

    # -- which models are excluded -----------------------------------------------------------

    def excluded(
        self, allowed: int, facts: Facts, request: Request, snapshot: Snapshot
    ) -> tuple[int, tuple[Skip, ...]]:
        """The models among `allowed` that lack a budget, a price or room, and why.

        For a `plain` policy and a snapshot without readings there are none.
        """
        excluded, skips = (0, []) if self.plain else self.unpaid(allowed, facts)
        if HOSTED_TOOLS in request.needs:
            unbounded, more = self.unbounded(allowed & ~excluded, facts)
            excluded |= unbounded
            skips += more
        full, more = self.exhausted(allowed & ~excluded, facts, request, snapshot)
        return excluded | full, (*skips, *more)

    def unpaid(self, allowed: int, facts: Facts) -> tuple[int, list[Skip]]:
        """The models among `allowed` that lack a budget or a price, and why."""
        uncovered = self._without_budget(facts) & allowed
        unpriced = self._without_price(facts) & allowed & ~uncovered
        detail = "it is not free, and no budget covers it"
        skips = [
            Skip(model.name, Reason.UNCOVERED, detail, span=model.span)
            for model in chosen(self._models, uncovered)
        ]
        skips += [
            Skip(
                model.name,
                Reason.UNPRICED,
                f"price of `{model.name}` is unknown, and its budget has a cap",
                span=model.span,
            )
            for model in chosen(self._models, unpriced)
        ]
        return uncovered | unpriced, skips

    def _without_budget(self, facts: Facts) -> int:
        covered = self._covered
        for limit in self._conditional:
            if limit.when is not None and limit.when.holds(facts):
                covered |= limit.models
        return self._paid & ~covered

    def _without_price(self, facts: Facts) -> int:
        capped = self._capped
        for limit in self._capping:
            if limit.when is not None and limit.when.holds(facts):
                capped |= limit.models
        return self._unpriced & capped

    def unbounded(self, allowed: int, facts: Facts) -> tuple[int, list[Skip]]:
        """The models among `allowed` under a budget with a cap, each with the first such budget.

        It is for requests with tools that run at the provider. Those are charged by use and add any
        number of input tokens, so that the cost of a call has no upper bound.
        """
        excluded = 0
        skips: list[Skip] = []
        for limit in self._refusing:
            if limit.section != "budgets" or not applies(limit, facts):
                continue
            models = limit.models & allowed & ~excluded
            if limit.then is WhenExhausted.FREE_ONLY or limit.metric is Metric.USD:
                models &= ~self._free
            detail = f"the cost of hosted tools is unknown, and budget `{limit.name}` has a cap"
            skips += [
                Skip(model.name, Reason.UNPRICED, detail, span=limit.span)
                for model in chosen(self._models, models)
            ]
            excluded |= models
        return excluded, skips

    def exhausted(
        self, allowed: int, facts: Facts, request: Request, snapshot: Snapshot
    ) -> tuple[int, list[Skip]]:
        """The models among `allowed` that do not fit into a limit, each with the first of these,
        and those that a limit keeps back because of what is used of it."""
        excluded = 0
        skips: list[Skip] = []
        during = snapshot.now, self.longest
        for limit in self._refusing if snapshot.used else ():
            models = allowed & limit.models & ~excluded
            shown = read_limit(limit, facts, request, snapshot) if models else None
            if shown is None:
                continue
            own, key, reading = shown
            if limit.then is WhenExhausted.FREE_ONLY:
                models &= ~self._free
            for i in bits(models):
                skip = without_room(own, key, self._models[i], request, reading, during)
                if skip is not None:
                    excluded |= 1 << i
                    skips.append(skip)
        for limit in self._narrowing if snapshot.used else ():
            shown = read_limit(limit, facts, request, snapshot)
            if shown is not None:
                beyond, more = narrowed(*shown, self._models, allowed & ~excluded)
                excluded |= beyond
                skips += more
        return excluded, skips

    # -- what the counters say ---------------------------------------------------------------

    def headroom(self, facts: Facts, request: Request, snapshot: Snapshot) -> tuple[float, ...]:
        """For each model the share, 0..1, that is left of its fullest limit; 1 without limits."""
        shares = [1.0] * len(self._models)
        for limit in self.applying(facts):
            subject = subject_of(limit, request)
            reading, cap = snapshot.used.get(limit.key(subject)), limit.of(subject).cap
            if reading is not None and cap and not limit.shadow:
                share = max(0.0, 1 - reading.used / cap)
                for i in bits(limit.models):
                    shares[i] = min(shares[i], share)
        return tuple(shares)

    def counters_to_read(
        self, facts: Facts, request: Request, now: float, zone: ZoneInfo
    ) -> tuple[tuple[CounterKey, Charge], ...]:
        """The counters that matter to a request before it is decided.

        A calendar period ends for all models at once, so its counter is read for the most that any
        model can use within the cap: `opens` then holds for every model that does not fit. A
        rolling window opens bit by bit, so its counter is read for the least.

        Args:
            facts: The facts of the request.
            request: The request.
            now: Unix time.
            zone: The time zone of calendar periods.

        Returns:
            Pairs of a key in `Snapshot.used` and what to read for it.
        """
        counters = []
        for limit in self.applying(facts):
            subject = subject_of(limit, request)
            limit = limit.of(subject)  # noqa: PLW2901  the same limit with the subject's cap
            amounts = self.amounts(limit, request, now)
            if limit.cap is None or not (amounts or limit.narrow_at):
                continue
            amount = min(amounts, default=0)
            if isinstance(limit.window, Period):
                amount = max((a for a in amounts if a <= limit.cap), default=amount)
            charge = _new_charge(limit.counter(subject, now, zone), amount, limit.cap)
            counters.append((limit.key(subject), charge))
        return tuple(counters)

    def amounts(self, limit: Limit, request: Request, now: float | None) -> list[int]:
        """The most that an attempt can use of a limit, for each model that it can refuse.

        Args:
            limit: The limit.
            request: The request.
            now: Unix time of the reservation; None means any time.
        """
        if limit.cap is None or limit.then is WhenExhausted.WARN:
            return []
        models = limit.models
        if limit.then is WhenExhausted.FREE_ONLY:
            models &= ~self._free
        if limit.metric in OF_ATTEMPTS:
            return [1] * models.bit_count()
        during = now, self.longest
        return [
            largest_amount(limit, self._models[i], request, during=during) for i in bits(models)
        ]

    # -- what an attempt reserves ------------------------------------------------------------

    def output_caps(
        self,
        facts: Facts,
        request: Request,
        position: int,
        now: float | None = None,
        called: Model | None = None,
    ) -> tuple[int, ...]:
        """Caps on an answer to try in turn, in tokens, for the model at a position.

        The first is all that the model can write, within the share of each limit that one request
        may reserve; the last is the least that is useful.

        Args:
            facts: The facts of the request.
            request: The request.
            position: The position of the model in the policy.
            now: Unix time of the reservation; None means any time.
            called: The model as it is called, with its prompt; by default without one.
        """
        during = now, self.longest
        model = called or self._models[position]
        least = model.output_cap(request.max_tokens)
        wanted = model.full_output(request)
        for limit in self._sized:
            if not limit.models >> position & 1 or not refuses(limit, model):
                continue
            if not applies(limit, facts):
                continue
            limit = limit_for(limit, request)  # noqa: PLW2901  the same with the subject's cap
            if limit.cap is None:
                continue
            wanted = min(wanted, max(least, share_output_cap(limit, model, request, during)))
            if limit.metric is Metric.TOKENS:
                wanted = fit_output_cap(limit, model, request, wanted)
                least = fit_output_cap(limit, model, request, least)
        return (wanted, least) if wanted > least else (least,)

    def charges(
        self,
        facts: Facts,
        request: Request,
        position: int,
        *,
        now: float,
        zone: ZoneInfo,
        output_cap: int | None = None,
        priced_from: float | None = None,
        called: Model | None = None,
    ) -> tuple[Charge, ...]:
        """What one attempt reserves from which counters.

        Args:
            facts: The facts of the request.
            request: The request.
            position: The position of the model in the policy.
            now: Unix time.
            zone: The time zone of calendar periods.
            output_cap: Tokens that each answer may have; None means the fewest that must fit.
            priced_from: Unix time from which the attempt may be sent; by default `now`.
            called: The model as it is called, with its prompt; by default without one.
        """
        model = called or self._models[position]
        during = now if priced_from is None else priced_from, self.longest
        charges = []
        for limit in self.applying(facts):
            if not limit.models >> position & 1:
                continue
            if limit.metric is Metric.USD and model.free and limit.then is not WhenExhausted.BLOCK:
                continue
            subject = subject_of(limit, request)
            counter = limit.counter(subject, now, zone)
            limit = limit.of(subject)  # noqa: PLW2901  the same limit with the subject's cap
            amount = largest_amount(limit, model, request, output_cap, during)
            charges.append(
                _new_charge(counter, amount, limit.cap, refuses(limit, model), limit.warn_at)
            )
        return tuple(charges)


def _set_of(models: Sequence[Model], holds: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, model in enumerate(models) if holds(model))


def _union(sets: Iterable[int]) -> int:
    union = 0
    for models in sets:
        union |= models
    return union
