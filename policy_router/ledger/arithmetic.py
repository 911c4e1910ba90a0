"""The arithmetic that all stores share: what fits, what is settled, what is warned about."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Metric
from policy_router.ledger.reader import Difference
from policy_router.ledger.store import Crossing, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from policy_router.domain.limits import Charge, CounterKey
    from policy_router.ledger.reader import Balance, LedgerEntry
    from policy_router.ledger.store import Hold, Settlement

PER_MILLE: Final = 1000
"""Shares of a cap are whole thousandths."""
MAX_AMOUNT: Final = 2**53 - 1
"""The largest amount that every store counts exactly: in nano-USD, $9.007 million."""


def clamped(charges: Sequence[Charge]) -> tuple[Charge, ...]:
    """Charges as they are counted: no cap and no amount is above MAX_AMOUNT.

    An amount that a limit refuses is not reduced: above MAX_AMOUNT it never fits.
    """
    for charge in charges:
        if charge.amount > MAX_AMOUNT or (charge.cap or 0) > MAX_AMOUNT:
            return tuple(map(_clamped, charges))
    return tuple(charges)


def _clamped(charge: Charge) -> Charge:
    cap = None if charge.cap is None else min(charge.cap, MAX_AMOUNT)
    refused = charge.refuses and cap is not None
    amount = charge.amount if refused else min(charge.amount, MAX_AMOUNT)
    return replace(charge, amount=amount, cap=cap)


def clamped_hold(hold: Hold) -> Hold:
    """A hold with its charges as they are counted."""
    charges = clamped(hold.charges)
    return hold if charges is hold.charges else replace(hold, charges=charges)


def clamped_settlement(actual: Settlement) -> Settlement:
    """A settlement as it is counted: its cost and the sum of its tokens are at most MAX_AMOUNT."""
    if actual.cost <= MAX_AMOUNT and actual.tokens <= MAX_AMOUNT:
        return actual
    tokens_in = min(actual.tokens_in, MAX_AMOUNT)
    return replace(
        actual,
        cost=min(actual.cost, MAX_AMOUNT),
        tokens_in=tokens_in,
        tokens_out=min(actual.tokens_out, MAX_AMOUNT - tokens_in),
    )


def settled_amount(metric: Metric, amount: int, actual: Settlement) -> int:
    """The amount to which a charge of `amount` is settled."""
    if metric is Metric.USD:
        return actual.cost
    if metric is Metric.TOKENS:
        return actual.tokens
    return amount


def opens_at(slots: Mapping[int, int], charge: Charge, now: float) -> float | None:
    """When a charge will fit into its rolling window, if nothing else is charged.

    Args:
        slots: What was charged, by the number of the slot.
        charge: What should fit.
        now: Unix time.

    Returns:
        Unix time, the moment at which enough slots have left the window; None for never.
    """
    counter, cap = charge.counter, charge.cap
    if cap is None or max(charge.amount, 1) > cap:
        return None
    oldest = counter.oldest(now)
    used = sum(n for slot, n in slots.items() if slot >= oldest)
    for slot in sorted(s for s in slots if s >= oldest):
        used -= slots[slot]
        if not charge.exceeds(used):
            return float((slot + counter.slots + 1) * counter.width)
    return None


def refusal(charge: Charge, used: int, slots: Mapping[int, int], now: float) -> Refusal:
    """Why a charge does not fit.

    Args:
        charge: What was refused.
        used: What is spent and held.
        slots: What was charged to a rolling window, by the number of the slot.
        now: Unix time.
    """
    counter, cap = charge.counter, charge.cap or 0
    opens = None
    if counter.rolling:
        opens = opens_at(slots, charge, now)
    elif counter.calendar and not counter.idle and max(charge.amount, 1) <= cap:
        opens = counter.end
    return Refusal(counter.key, cap, used, charge.amount, opens)


def threshold(share: float, cap: int) -> int:
    """The amount at which a share of a cap is passed, rounded up."""
    return -(-round(share * PER_MILLE) * cap // PER_MILLE)


def crossings(charge: Charge, spent: int, notified: int) -> tuple[tuple[Crossing, ...], int]:
    """The thresholds that were passed and not reported yet.

    Args:
        charge: The charge of the counter, with the shares to warn at.
        spent: What the counter shows now.
        notified: The highest amount whose threshold was reported before. After a cap was raised, it
            can be above the thresholds of the new cap.

    Returns:
        The crossings, and the highest amount that is reported from now on.
    """
    passed, highest = [], notified
    for share in charge.warn_at if charge.cap else ():
        cap = charge.cap or 0
        amount = threshold(share, cap)
        if notified < amount <= spent:
            passed.append(Crossing(charge.counter.key, share, spent, cap))
            highest = amount
    return tuple(passed), highest


def has_capped_budget(charges: Iterable[Charge]) -> bool:
    """Whether one of the charges is on a budget that refuses."""
    return any(c.counter.key.is_budget and c.refuses and c.cap is not None for c in charges)


def contribution(entry: LedgerEntry, key: CounterKey) -> int:
    """What an entry of the ledger adds to one of its counters."""
    match key.metric:
        case Metric.USD:
            return entry.cost
        case Metric.TOKENS:
            return entry.tokens_in + entry.tokens_out
        case _:
            return entry.requests


def differences(
    balances: Iterable[Balance],
    entries: Iterable[LedgerEntry],
    held: Iterable[tuple[CounterKey, int]],
) -> Iterator[Difference]:
    """Where counters are not the sum of the ledger and the open holds.

    Args:
        balances: What the counters show.
        entries: The ledger.
        held: The charges of the open holds, as key and amount.
    """
    spent: Tally[CounterKey] = Tally()
    for entry in entries:
        for key in entry.keys:
            spent[key] += contribution(entry, key)
    return compare(balances, spent, held)


def compare(
    balances: Iterable[Balance],
    spent: Mapping[CounterKey, int],
    held: Iterable[tuple[CounterKey, int]],
) -> Iterator[Difference]:
    """Where counters are not what they should be.

    Args:
        balances: What the counters show.
        spent: The sums of the ledger, by key.
        held: The charges of the open holds, as key and amount.
    """
    holding: Tally[CounterKey] = Tally()
    for key, amount in held:
        holding[key] += amount
    counted = {balance.key: balance for balance in balances}
    for key in sorted({*counted, *spent, *holding}, key=str):
        balance = counted.get(key)
        for field, have, want in (
            ("spent", balance.spent if balance else 0, spent.get(key, 0)),
            ("held", balance.held if balance else 0, holding[key]),
        ):
            if have != want:
                yield Difference(key, field, have, want)
