"""Values as the scripts take them, and what the scripts answer as values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.limits import CounterKey, Reading
from policy_router.ledger.arithmetic import MAX_AMOUNT, clamped_settlement, refusal, threshold
from policy_router.ledger.continuity import PAUSE, Loss, Mark
from policy_router.ledger.reader import EntryKind, LedgerEntry
from policy_router.ledger.store import Attribution, Crossing, Granted, Refused, Stale, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.domain.limits import Charge
    from policy_router.ledger.store import Hold, Settlement

ABOUT: Final = ("model", "task", "tenant", "user", "team", "key", "revision")


def encode(text: str) -> bytes:
    """Any text that a request may hold, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The text again."""
    return data.decode("utf-8", "surrogatepass")


# -- to the scripts ------------------------------------------------------------------------------


def charges_text(charges: Iterable[Charge]) -> bytes:
    """What counters are asked about."""
    return encode(_json([_charge(charge) for charge in charges]))


def hold_text(hold: Hold) -> bytes:
    """What the server keeps of a hold while it is open."""
    about = {name: text for name in ABOUT if (text := getattr(hold.about, name))}
    keys = [charge.counter.id for charge in hold.charges if charge.counter.calendar]
    charges = [_charge(charge) for charge in hold.charges]
    return encode(_json([_json(about), _json(keys), charges]))


def actual_text(actual: Settlement | None) -> str:
    """How a hold ends; None: released."""
    if actual is None:
        return ""
    real = clamped_settlement(actual)
    return f"{real.cost} {real.tokens_in} {real.tokens_out} {int(real.estimated)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _charge(charge: Charge) -> list[Any]:
    counter, limit = charge.counter, charge.cap
    warn: list[list[Any]] = []
    if limit:
        warn = [[repr(share), threshold(share, limit), str(limit)] for share in charge.warn_at]
    return [
        counter.id,
        counter.metric,
        min(charge.amount, MAX_AMOUNT + 1),  # more than that never fits, and is never added
        limit if limit is not None and charge.refuses else -1,
        counter.width,
        counter.slots,
        counter.start,
        counter.end,
        warn,
    ]


def header(rows: int, seen: Mark | None, join: str) -> str:
    """What every script is told. rows: to keep in the ledger. seen: what the caller saw last. join:
    the caller's branch, "" when the ledger has it."""
    if seen is None:
        return f"{rows} 0  {join}"
    return f"{rows} {seen.version} {seen.ledger}.{seen.branch} {join}"


# -- from the scripts ----------------------------------------------------------------------------


def readings(charges: Sequence[Charge], answer: Sequence[Any]) -> tuple[Reading, ...]:
    """What `read` answers."""
    now, *found = answer
    return tuple(
        _reading(charge, int(used), slots, float(now))
        for charge, (used, slots) in zip(charges, found, strict=True)
    )


def reserved(
    hold: Hold, answer: Sequence[Any], closed: str
) -> Granted | Refused | Stale | Unavailable:
    """What `reserve` answers. closed: why budgets are closed, if they are."""
    match answer:
        case [b"granted", expires, crossed, missed]:
            return Granted(hold.id, float(expires), crossings(crossed), missed=bool(missed))
        case [b"lost", crossed, missed]:
            return Unavailable(closed, PAUSE, crossings(crossed), bool(missed))
        case [b"refused", now, crossed, missed, *places]:
            refusals = (
                refusal(hold.charges[place], int(used), _slots(slots), float(now))
                for place, used, slots in places
            )
            return Refused(tuple(refusals), crossings(crossed), bool(missed))
        case _:
            return Stale(float(answer[1]))


def found(told: Any, seen: Mark | None) -> tuple[Mark | None, Loss | None]:
    """What every script tells of the ledger at the end of its answer; no mark for a ledger that
    does not exist yet."""
    if isinstance(told, int):  # the lineage is the one that was seen
        return (None if seen is None else Mark(seen.ledger, seen.branch, told)), None
    version, lineage, lost = told
    ledger, _, branch = decode(lineage).partition(".")
    return Mark(ledger, branch, version) if ledger else None, loss(lost)


def loss(lost: bytes | None) -> Loss | None:
    """What was lost; nothing for an empty text."""
    return Loss.restored(decode(lost)) if lost else None


def crossings(found: Iterable[Sequence[bytes]]) -> tuple[Crossing, ...]:
    """The thresholds that were passed."""
    return tuple(
        Crossing(counter_key(key), float(share), int(spent), int(limit))
        for key, share, spent, limit in found
    )


def row(name: bytes, fields: Mapping[bytes, bytes]) -> LedgerEntry:
    """A row of the ledger. name: its id in the stream, `<milliseconds>-<seq>`."""
    return LedgerEntry(
        seq(name),
        decode(fields[b"id"]),
        EntryKind(decode(fields[b"kind"])),
        float(fields[b"ts"]),
        Attribution(**json.loads(decode(fields[b"about"]))),
        int(fields[b"cost"]),
        int(fields[b"in"]),
        int(fields[b"out"]),
        int(fields[b"requests"]),
        fields[b"estimated"] == b"1",
        tuple(map(CounterKey.parse, json.loads(decode(fields[b"keys"])))),
    )


def counter_key(data: bytes) -> CounterKey:
    """The key of a counter, from its text."""
    return CounterKey.parse(decode(data))


def seq(name: bytes) -> int:
    """The number of a row."""
    return int(name.partition(b"-")[2])


def next_to(name: bytes) -> str:
    """The first id that the row after this one may have."""
    return f"{decode(name.partition(b'-')[0])}-{seq(name) + 1}"


def _reading(charge: Charge, used: int, slots: Sequence[bytes], now: float) -> Reading:
    if not charge.exceeds(used):
        return Reading(used)
    return Reading(used, refusal(charge, used, _slots(slots), now).opens)


def _slots(flat: Sequence[bytes]) -> dict[int, int]:
    numbers = iter(map(int, flat))
    return dict(zip(numbers, numbers, strict=True))
