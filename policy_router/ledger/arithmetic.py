"""The arithmetic that every store shares: what fits, what it comes to, who is to be told."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Metric
from policy_router.ledger.store import Crossing, Difference, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from policy_router.domain.limits import Charge, CounterKey
    from policy_router.ledger.store import Bucket, Hold, LedgerEntry, Settlement

PER_MILLE: Final = 1000
"""Shares of a limit are whole thousandths."""
EXACT: Final = 2**53 - 1
"""The largest amount that every store counts exactly: in nano-USD, $9.007 million."""


def bounded(charges: Sequence[Charge]) -> tuple[Charge, ...]:
    """Charges as they are counted: neither a limit nor an amount is more than EXACT. An amount that
    a limit refuses stays as it is: more than EXACT, it never fits."""
    for charge in charges:
        if charge.amount > EXACT or (charge.cap or 0) > EXACT:
            return tuple(map(_bounded, charges))
    return tuple(charges)


def _bounded(charge: Charge) -> Charge:
    limit = None if charge.cap is None else min(charge.cap, EXACT)
    refused = charge.refuses and limit is not None
    amount = charge.amount if refused else min(charge.amount, EXACT)
    return replace(charge, amount=amount, cap=limit)


def bounded_hold(hold: Hold) -> Hold:
    """A hold with such charges."""
    charges = bounded(hold.charges)
    return hold if charges is hold.charges else replace(hold, charges=charges)


def bounded_actual(actual: Settlement) -> Settlement:
    """What an attempt came to, likewise: its tokens together are not more than EXACT."""
    if actual.cost <= EXACT and actual.tokens <= EXACT:
        return actual
    tokens_in = min(actual.tokens_in, EXACT)
    return replace(
        actual,
        cost=min(actual.cost, EXACT),
        tokens_in=tokens_in,
        tokens_out=min(actual.tokens_out, EXACT - tokens_in),
    )


def comes_to(metric: Metric, amount: int, actual: Settlement) -> int:
    """What a charge of `amount` is settled to."""
    if metric is Metric.USD:
        return actual.cost
    if metric is Metric.TOKENS:
        return actual.tokens
    return amount


def opens(slots: Mapping[int, int], charge: Charge, now: float) -> float | None:
    """When a charge will fit into its rolling window, if nothing else comes: as slots leave it,
    oldest first. slots: number -> what it holds. None when it never will."""
    counter, limit = charge.counter, charge.cap
    if limit is None or max(charge.amount, 1) > limit:
        return None
    oldest = counter.oldest(now)
    used = sum(n for slot, n in slots.items() if slot >= oldest)
    for slot in sorted(s for s in slots if s >= oldest):
        used -= slots[slot]
        if not charge.exceeds(used):
            return float((slot + counter.slots + 1) * counter.width)
    return None


def refusal(charge: Charge, used: int, slots: Mapping[int, int], now: float) -> Refusal:
    """Why a charge does not fit beside what is used. slots: of a rolling window."""
    counter, limit = charge.counter, charge.cap or 0
    until = None
    if counter.rolling:
        until = opens(slots, charge, now)
    elif counter.calendar and max(charge.amount, 1) <= limit:
        until = counter.end
    return Refusal(counter.key, limit, used, charge.amount, until)


def threshold(share: float, limit: int) -> int:
    """The amount at which a share of a limit is passed, rounded up."""
    return -(-round(share * PER_MILLE) * limit // PER_MILLE)


def crossings(charge: Charge, spent: int, told: int) -> tuple[tuple[Crossing, ...], int]:
    """The thresholds that `spent` has passed and nobody was told of, and the highest amount that
    was told of from now on. told: the highest before; those of a limit that was raised since lie
    beyond it."""
    found, highest = [], told
    for share in charge.warn_at if charge.cap else ():
        limit = charge.cap or 0
        at = threshold(share, limit)
        if told < at <= spent:
            found.append(Crossing(charge.counter.key, share, spent, limit))
            highest = at
    return tuple(found), highest


def caps_money(charges: Iterable[Charge]) -> bool:
    """Whether one of the charges is on a budget that refuses."""
    return any(c.counter.key.is_budget and c.refuses and c.cap is not None for c in charges)


def part_of(row: LedgerEntry, key: CounterKey) -> int:
    """What a row of the ledger adds to one of its counters."""
    match key.metric:
        case Metric.USD:
            return row.cost
        case Metric.TOKENS:
            return row.tokens_in + row.tokens_out
        case _:
            return row.requests


def differences(
    buckets: Iterable[Bucket], rows: Iterable[LedgerEntry], held: Iterable[tuple[CounterKey, int]]
) -> Iterator[Difference]:
    """Where counters are not the sum of their ledger rows and open holds (key, amount)."""
    spent: Tally[CounterKey] = Tally()
    for row in rows:
        for key in row.keys:
            spent[key] += part_of(row, key)
    return compare(buckets, spent, held)


def compare(
    buckets: Iterable[Bucket],
    spent: Mapping[CounterKey, int],
    held: Iterable[tuple[CounterKey, int]],
) -> Iterator[Difference]:
    """The same, from what the ledger's rows come to by key."""
    holding: Tally[CounterKey] = Tally()
    for key, amount in held:
        holding[key] += amount
    counted = {b.key: b for b in buckets}
    for key in sorted({*counted, *spent, *holding}, key=str):
        bucket = counted.get(key)
        for field, have, want in (
            ("spent", bucket.spent if bucket else 0, spent.get(key, 0)),
            ("held", bucket.held if bucket else 0, holding[key]),
        ):
            if have != want:
                yield Difference(key, field, have, want)
