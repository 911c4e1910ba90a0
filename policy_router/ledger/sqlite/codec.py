"""Values as a SQLite ledger stores them, and back."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.limits import Charge, Counter, CounterKey
from policy_router.ledger.reader import EntryKind, LedgerEntry
from policy_router.ledger.store import Attribution, Hold

if TYPE_CHECKING:
    from collections.abc import Sequence

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode

LEDGER: Final = (
    "id, kind, ts, model, task, tenant, user, team, key, revision, session,"
    " cost, tokens_in, tokens_out, requests, estimated, keys"
)
"""The columns of a LedgerEntry, without its number."""


def from_entry(row: LedgerEntry) -> tuple[object, ...]:
    """The columns of LEDGER, from an entry."""
    return (
        row.id, row.kind.value, row.ts, *_texts(row.about), row.cost, row.tokens_in,
        row.tokens_out, row.requests, int(row.estimated), _keys_text(row.keys),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _keys_text(keys: tuple[CounterKey, ...]) -> str:
    return _encode([*map(str, keys)])


def to_entry(columns: Sequence[Any]) -> LedgerEntry:
    """An entry, from its number and the columns of LEDGER."""
    seq, hold_id, kind, ts, *rest = columns
    about, (cost, tokens_in, tokens_out, requests, estimated, keys) = rest[:8], rest[8:]
    return LedgerEntry(
        seq, hold_id, EntryKind(kind), ts, Attribution(*about), cost, tokens_in, tokens_out,
        requests, bool(estimated), tuple(map(CounterKey.parse, json.loads(keys))),
    )  # fmt: skip


def encode(hold: Hold) -> str:
    """A hold without its id, as text."""
    charges = [
        (
            c.counter.id, c.counter.width, c.counter.slots, c.counter.start, c.counter.end,
            c.amount, c.cap, c.refuses, c.warn_at, *((c.counter.idle,) if c.counter.idle else ()),
        )
        for c in hold.charges
    ]  # fmt: skip
    return _encode((hold.lease, _texts(hold.about), charges))


def _texts(about: Attribution) -> tuple[str, ...]:
    return (
        about.model, about.task, about.tenant, about.user, about.team, about.key, about.revision,
        about.session,
    )  # fmt: skip


def decode(hold_id: str, body: str) -> Hold:
    """The hold with this id, from its text."""
    lease, about, charges = json.loads(body)
    return Hold(
        hold_id,
        tuple(
            Charge(
                Counter(CounterKey.parse(key), width, slots, start, end, sum(idle), key),
                amount, cap, refuses, tuple(warn_at),
            )
            for key, width, slots, start, end, amount, cap, refuses, warn_at, *idle in charges
        ),
        lease,
        Attribution(*about),
    )  # fmt: skip
