"""What a policy's meters say of a request: which of them it falls under, what an attempt takes from
their counters, and which models are out because a count is full or nobody pays for them.

`decide` asks by readings that were taken before, as advice; whoever reserves takes the charges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.space import chosen
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import ANYONE, Charge, Metric, WhenExhausted
from policy_router.domain.money import spell_usd
from policy_router.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import CounterKey, Limit, Reading
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot
    from policy_router.ledger.store import Attribution


def subject_of(meter: Limit, asker: Request | Attribution) -> str:
    """Whose count a request falls under, or one that the ledger tells of."""
    if meter.per is None:
        return ANYONE
    who = getattr(asker, meter.per)
    if not who:
        return ANYONE
    return key_id(str(who)) if meter.per == "key" else bounded_id(str(who))


LEAST_CAP: Final = 256
"""Tokens that an answer may have at the least, however small a limit of tokens is."""


def most(meter: Limit, model: Model, request: Request, cap: int | None = None) -> int:
    """The most of a meter's metric that one attempt can come to; money is in nano-USD, and 0 where
    the price is unknown. cap: tokens of one answer; the least there must be room for, unless given.
    """
    if meter.metric is Metric.REQUESTS or meter.metric is Metric.CONCURRENT:
        return 1
    if cap is None:
        cap = model.output_cap(request.max_tokens)
        if meter.metric is Metric.TOKENS:
            cap = fitting(meter, model, request, cap)
    output = cap * request.answers
    if meter.metric is Metric.TOKENS:
        return _input(meter, model, request) + output
    tokens = model.most_input(request)
    if model.price is None:
        return 0
    return model.price.most(tokens, output, hosted=HOSTED_TOOLS in request.needs)


def fitting(meter: Limit, model: Model, request: Request, cap: int) -> int:
    """A cap of an answer that a limit of tokens has room for when nothing is used. What the request
    itself asks for is kept: then it is refused with a reason."""
    if meter.cap is None or request.max_tokens is not None:
        return cap
    room = (meter.cap - _input(meter, model, request)) // request.answers
    return min(cap, max(room, LEAST_CAP))


def _share(meter: Limit, model: Model, request: Request) -> int:
    """The cap of an answer for which one request takes no more than its share of a limit."""
    share = (meter.cap or 0) // SHARE
    tokens = model.most_input(request)
    if meter.metric is Metric.TOKENS:
        return (share - tokens) // request.answers
    price = model.price
    if price is None:
        return 0
    least = price.most(tokens, 0)
    each = (price.most(tokens, _MANY) - least) * request.answers
    return (share - least) * _MANY // each if each else _MANY


SHARE: Final = 4
"""A request that sets no cap takes at most one part in so many of a limit, if that is of use: what
it holds while it runs is out of reach for others, and most answers are short."""
_MANY: Final = 1_000_000


def _input(meter: Limit, model: Model, request: Request) -> int:
    """The tokens that go in, for a limit of tokens: what they cannot exceed, or where the limit
    could never fit that, what they are estimated to be."""
    bound = model.most_input(request)
    if meter.cap is None or bound + LEAST_CAP * request.answers <= meter.cap:
        return bound
    return min(bound, request.tokens)


def refuses(meter: Limit, model: Model) -> bool:
    """Whether a full meter refuses a model; else it only warns."""
    return meter.then is WhenExhausted.BLOCK or (
        meter.then is WhenExhausted.FREE_ONLY and not model.free
    )


class LimitIndex:
    """The meters of one policy, made ready.

    A paid model needs a budget of money that covers it, and where such a budget has a cap that
    refuses, a known price. Both hang on the policy and the request alone.

    plain: no model is ever out for that.
    """

    def __init__(self, models: Sequence[Model], meters: Sequence[Limit]) -> None:
        self.meters = tuple(meters)
        self._models = tuple(models)
        self._free = _mask(models, lambda m: m.free)
        self._paid = _mask(models, lambda m: not m.free)
        self._unpriced = _mask(models, lambda m: not m.free and m.price is None)
        money = [m for m in meters if m.metric is Metric.USD]
        self._capping = [m for m in money if m.cap is not None and m.then is not WhenExhausted.WARN]
        sizes = Metric.TOKENS, Metric.USD
        self._sized = [m for m in meters if m.metric in sizes and m.cap is not None]
        self._sometimes = [m for m in money if m.when is not None]
        self._covered = _union(m.models for m in money if m.when is None)
        self._capped = _union(m.models for m in self._capping if m.when is None)
        self.plain = not (self._paid & ~self._covered) and not self._unpriced

    def out(
        self, allowed: int, facts: Facts, request: Request, snapshot: Snapshot
    ) -> tuple[int, tuple[Skip, ...]]:
        """The models among `allowed` (bit i: model i) that are out for money or for a count, each
        with its reason. For a `plain` policy and an empty snapshot there are none."""
        gone, skips = self.not_paid_for(allowed, facts)
        if HOSTED_TOOLS in request.needs:
            unbounded, more = self.without_bound(allowed & ~gone, facts)
            gone |= unbounded
            skips += more
        full, more = self.used_up(allowed & ~gone, facts, request, snapshot)
        return gone | full, (*skips, *more)

    # -- what the policy alone says ------------------------------------------------------------

    def without_budget(self, facts: Facts) -> int:
        """Paid models (bit i: model i) that no budget pays for."""
        covered = self._covered
        for meter in self._sometimes:
            if meter.when is not None and meter.when.holds(facts):
                covered |= meter.models
        return self._paid & ~covered

    def without_price(self, facts: Facts) -> int:
        """Paid models of unknown price that fall under a budget with a cap."""
        capped = self._capped
        for meter in self._capping:
            if meter.when is not None and meter.when.holds(facts):
                capped |= meter.models
        return self._unpriced & capped

    def not_paid_for(self, allowed: int, facts: Facts) -> tuple[int, list[Skip]]:
        """The models among `allowed` that the policy pays for never or not under this request, and
        why."""
        uncovered = self.without_budget(facts) & allowed
        unpriced = self.without_price(facts) & allowed & ~uncovered
        skips = [
            Skip(m.name, Reason.UNCOVERED, "it costs money and no budget pays for it", span=m.span)
            for m in chosen(self._models, uncovered)
        ]
        words = "its price is unknown, and its budget has a cap"
        skips += [
            Skip(m.name, Reason.UNPRICED, words, span=m.span)
            for m in chosen(self._models, unpriced)
        ]
        return uncovered | unpriced, skips

    def without_bound(self, allowed: int, facts: Facts) -> tuple[int, list[Skip]]:
        """The models among `allowed` that fall under a budget with a cap, each with the first such
        budget: tools that run at the provider are charged by use and feed the model any number of
        tokens, so that nothing bounds what a call may come to."""
        gone = 0
        skips: list[Skip] = []
        for meter in self.applying(facts):
            if not meter.is_budget or meter.cap is None or meter.then is WhenExhausted.WARN:
                continue
            here = meter.models & allowed & ~gone
            if meter.then is WhenExhausted.FREE_ONLY or meter.metric is Metric.USD:
                here &= ~self._free
            words = f"what hosted tools cost is not known, and budget `{meter.name}` has a cap"
            skips += [
                Skip(m.name, Reason.UNPRICED, words, span=meter.span)
                for m in chosen(self._models, here)
            ]
            gone |= here
        return gone, skips

    # -- what the counters say -----------------------------------------------------------------

    def applying(self, facts: Facts) -> Iterator[Limit]:
        """The meters that a request falls under, in the order of the policy."""
        for meter in self.meters:
            if meter.when is None or meter.when.holds(facts):
                yield meter

    def used_up(
        self, allowed: int, facts: Facts, request: Request, snapshot: Snapshot
    ) -> tuple[int, list[Skip]]:
        """The models among `allowed` for which some count is full, each with the first that is."""
        gone = 0
        skips: list[Skip] = []
        for meter in self.meters if snapshot.used else ():
            here = allowed & meter.models & ~gone
            if not here or meter.cap is None or meter.then is WhenExhausted.WARN:
                continue
            name = meter.key(subject_of(meter, request))
            if name not in snapshot.used:
                continue
            if meter.when is not None and not meter.when.holds(facts):
                continue
            if meter.then is WhenExhausted.FREE_ONLY:
                here &= ~self._free
            reading = snapshot.used[name]
            for i, model in self._each(here):
                skip = _full(meter, model, request, reading)
                if skip is not None:
                    gone |= 1 << i
                    skips.append(skip)
        return gone, skips

    def headroom(self, facts: Facts, request: Request, snapshot: Snapshot) -> tuple[float, ...]:
        """For each model the share of its fullest count that is left, 0..1; 1 where nothing is
        counted."""
        left = [1.0] * len(self._models)
        for meter in self.applying(facts):
            reading = snapshot.used.get(meter.key(subject_of(meter, request)))
            if reading is not None and meter.cap:
                share = max(0.0, 1 - reading.used / meter.cap)
                for i, _ in self._each(meter.models):
                    left[i] = min(left[i], share)
        return tuple(left)

    def _each(self, models: int) -> Iterator[tuple[int, Model]]:
        for i, model in enumerate(self._models):
            if models >> i & 1:
                yield i, model

    # -- what an attempt takes -----------------------------------------------------------------

    def caps(self, facts: Facts, request: Request, model: int) -> tuple[int, ...]:
        """Caps of an answer of a model (by its number) to try in turn: all that it can give, within
        the share of each limit that one request may take, and the least that is of use."""
        asked = self._models[model]
        least = asked.output_cap(request.max_tokens)
        wanted = asked.full_output(request)
        for meter in self._sized:
            if not meter.models >> model & 1 or not refuses(meter, asked):
                continue
            if meter.when is not None and not meter.when.holds(facts):
                continue
            wanted = min(wanted, max(least, _share(meter, asked, request)))
            if meter.metric is Metric.TOKENS:
                wanted = fitting(meter, asked, request, wanted)
                least = fitting(meter, asked, request, least)
        return (wanted, least) if wanted > least else (least,)

    def charges(  # noqa: PLR0917  the request, and the moment
        self,
        facts: Facts,
        request: Request,
        model: int,
        now: float,
        zone: ZoneInfo,
        cap: int | None = None,
    ) -> tuple[Charge, ...]:
        """What one attempt at a model (by its number) takes from which counters, when its answers
        may have so many tokens each (None: the least there must be room for)."""
        asked = self._models[model]
        found = []
        for meter in self.applying(facts):
            if not meter.models >> model & 1:
                continue
            if meter.metric is Metric.USD and asked.free and meter.then is not WhenExhausted.BLOCK:
                continue
            counter = meter.counter(subject_of(meter, request), now, zone)
            amount = most(meter, asked, request, cap)
            found.append(Charge(counter, amount, meter.cap, refuses(meter, asked), meter.warn_at))
        return tuple(found)

    def uses(
        self, facts: Facts, request: Request, now: float, zone: ZoneInfo
    ) -> tuple[tuple[CounterKey, Charge], ...]:
        """The counters worth reading before the request is decided: the name of each in a Snapshot,
        and what to ask it for.

        A calendar period is over for all models at once, so it is asked for the most that any of
        them may take within the limit: `opens` then holds for whoever has no room. A rolling
        window opens bit by bit; it is asked for the least.
        """
        found = []
        for meter in self.applying(facts):
            amounts = self.asks(meter, request)
            if meter.cap is None or not amounts:
                continue
            amount = min(amounts)
            if isinstance(meter.window, Period):
                amount = max((a for a in amounts if a <= meter.cap), default=amount)
            subject = subject_of(meter, request)
            counter = meter.counter(subject, now, zone)
            found.append((meter.key(subject), Charge(counter, amount, meter.cap)))
        return tuple(found)

    def asks(self, meter: Limit, request: Request) -> list[int]:
        """The most that an attempt may take of a meter, for each model that it refuses when there
        is no room."""
        if meter.cap is None or meter.then is WhenExhausted.WARN:
            return []
        payers = (
            meter.models & ~self._free if meter.then is WhenExhausted.FREE_ONLY else meter.models
        )
        return [most(meter, model, request) for _, model in self._each(payers)]


def _full(meter: Limit, model: Model, request: Request, reading: Reading | None) -> Skip | None:
    """Why a meter's reading puts a model out; None when there is room. A rate limit that cannot be
    read puts nobody out: each process then keeps to its own share."""
    name = f"{'budget' if meter.is_budget else 'limit'} `{meter.name}`"
    if reading is None:
        words = f"{name} cannot be read now"
        return Skip(model.name, Reason.STATE, words, span=meter.span) if meter.is_budget else None
    limit = meter.cap or 0
    asked = most(meter, model, request)
    if reading.used + max(asked, 1) <= limit:
        return None
    reason = Reason.BUDGET if meter.is_budget else Reason.RATE_LIMIT
    words = f"{name}: {spell_used(meter.metric, reading.used, limit, meter.window)} used"
    if reading.used < limit:
        words += f", this may take {spell(meter.metric, asked)}"
    opens = reading.opens if max(asked, 1) <= limit else None
    return Skip(model.name, reason, words, opens, meter.span)


def spell(metric: Metric, amount: int) -> str:
    """An amount for people: `$1.50`, `1 request`, `3 requests`."""
    if metric is Metric.USD:
        return spell_usd(amount)
    noun = "" if metric is Metric.CONCURRENT else f" {metric}"
    return f"{amount:,}{noun.removesuffix('s') if amount == 1 else noun}"


def spell_used(metric: Metric, used: int, limit: int, window: object) -> str:
    """`$1.50 of $5.00 a month`, `3 of 20 requests an hour`, `2 of 4 at once` (no window)."""
    first = spell(metric, used) if metric is Metric.USD else f"{used:,}"
    return f"{first} of {spell(metric, limit)} {per(window)}"


def per(window: object) -> str:
    """`a month`, `an hour`; `at once` where there is no window."""
    name = str(window or "")
    return f"{'an' if name == 'hour' else 'a'} {name}" if name else "at once"


def _mask(models: Sequence[Model], holds: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, m in enumerate(models) if holds(m))


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
