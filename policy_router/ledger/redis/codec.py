"""Values as the scripts of the server take them, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.limits import CounterKey, Reading
from policy_router.ledger.arithmetic import MAX_AMOUNT, clamped_settlement, refusal, threshold
from policy_router.ledger.continuity import PAUSE, Loss, Mark
from policy_router.ledger.reader import EntryKind, LedgerEntry
from policy_router.ledger.sessions import SessionRecord
from policy_router.ledger.store import Attribution, Crossing, Granted, Refused, Stale, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.domain.limits import Charge
    from policy_router.ledger.store import Hold, Settlement

ABOUT: Final = ("model", "task", "tenant", "user", "team", "key", "revision", "session")


def encode(text: str) -> bytes:
    """The bytes of any text, even with lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The text, from its bytes."""
    return data.decode("utf-8", "surrogatepass")


def session(text: bytes, now: float | None) -> SessionRecord | None:
    """What is stored about a session; None when it is over at that time. Where no time is given,
    the server has removed what is over.

    Args:
        text: The text that the server keeps: `<at> <rank> <expires> <text>`.
        now: Unix time, or None.
    """
    at, rank, expires, rest = decode(text).split(" ", 3)
    if now is not None and float(expires) <= now:
        return None
    return SessionRecord(float(at), int(rank), rest)


# -- to the scripts ------------------------------------------------------------------------------


def charges_text(charges: Iterable[Charge]) -> bytes:
    """Charges, as an argument."""
    return encode(_json([_charge(charge) for charge in charges]))


def hold_text(hold: Hold) -> bytes:
    """A hold as the server keeps it while it is open."""
    about = {name: text for name in ABOUT if (text := getattr(hold.about, name))}
    keys = [charge.counter.id for charge in hold.charges if charge.counter.calendar]
    charges = [_charge(charge) for charge in hold.charges]
    return encode(_json([_json(about), _json(keys), charges]))


def actual_text(actual: Settlement | None) -> str:
    """How a hold ends, as an argument; None for released."""
    if actual is None:
        return ""
    real = clamped_settlement(actual)
    return f"{real.cost} {real.tokens_in} {real.tokens_out} {int(real.estimated)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _charge(charge: Charge) -> list[Any]:
    counter, cap = charge.counter, charge.cap
    warn: list[list[Any]] = []
    if cap:
        warn = [[repr(share), threshold(share, cap), str(cap)] for share in charge.warn_at]
    return [
        counter.id,
        counter.metric,
        min(charge.amount, MAX_AMOUNT + 1),  # more than that never fits, and is never added
        cap if cap is not None and charge.refuses else -1,
        counter.width,
        counter.slots,
        counter.start,
        counter.end,
        warn,
        *((counter.idle,) if counter.idle else ()),
    ]


def header(rows: int, seen: Mark | None, join: str) -> str:
    """The first argument of every script.

    Args:
        rows: The number of entries that the ledger keeps.
        seen: The last state of the ledger that the caller saw; None for nothing.
        join: The branch of the caller; empty when the ledger has it.
    """
    if seen is None:
        return f"{rows} 0  {join}"
    return f"{rows} {seen.version} {seen.ledger}.{seen.branch} {join}"


# -- from the scripts ----------------------------------------------------------------------------


def readings(charges: Sequence[Charge], answer: Sequence[Any]) -> tuple[Reading, ...]:
    """The readings, from the answer of `read`."""
    now, *counters = answer
    return tuple(
        _reading(charge, int(used), slots, float(now))
        for charge, (used, slots) in zip(charges, counters, strict=True)
    )


def reserved(
    hold: Hold, answer: Sequence[Any], closed: str
) -> Granted | Refused | Stale | Unavailable:
    """The answer of `reserve`.

    Args:
        hold: What was reserved.
        answer: The answer of the script.
        closed: Why budgets are closed; empty while they are not.
    """
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


def state(answer: Any, seen: Mark | None) -> tuple[Mark | None, Loss | None]:
    """The state of the ledger, from the last element of every answer.

    Args:
        answer: The element.
        seen: The state that the caller saw last; None for nothing.

    Returns:
        The state, None for a ledger that does not exist yet; and what was lost, None for nothing.
    """
    if isinstance(answer, int):  # the lineage is the one that was seen
        return (None if seen is None else Mark(seen.ledger, seen.branch, answer)), None
    version, lineage, lost = answer
    ledger, _, branch = decode(lineage).partition(".")
    return Mark(ledger, branch, version) if ledger else None, loss(lost)


def loss(lost: bytes | None) -> Loss | None:
    """What was lost, from its text; None for an empty text."""
    return Loss.restored(decode(lost)) if lost else None


def crossings(answer: Iterable[Sequence[bytes]]) -> tuple[Crossing, ...]:
    """The thresholds that were passed."""
    return tuple(
        Crossing(counter_key(key), float(share), int(spent), int(cap))
        for key, share, spent, cap in answer
    )


def row(name: bytes, fields: Mapping[bytes, bytes]) -> LedgerEntry:
    """An entry of the ledger.

    Args:
        name: Its id in the stream, `<milliseconds>-<seq>`.
        fields: Its fields.
    """
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
    """The number of an entry, from its id in the stream."""
    return int(name.partition(b"-")[2])


def next_to(name: bytes) -> str:
    """The least id that the entry after this one can have."""
    return f"{decode(name.partition(b'-')[0])}-{seq(name) + 1}"


def _reading(charge: Charge, used: int, slots: Sequence[bytes], now: float) -> Reading:
    if not charge.exceeds(used):
        return Reading(used)
    return Reading(used, refusal(charge, used, _slots(slots), now).opens)


def _slots(flat: Sequence[bytes]) -> dict[int, int]:
    numbers = iter(map(int, flat))
    return dict(zip(numbers, numbers, strict=True))
