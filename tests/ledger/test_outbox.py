"""What is written down for a store later: each entry once, and none that stops the others."""

from __future__ import annotations

import asyncio

import pytest

from policy_router.errors import OperationError, StoreError
from policy_router.ledger.outbox import SIZE, TRIES, Outbox, OutboxEntry
from policy_router.ledger.store import Ending


def entries(outbox: Outbox, *ids: str) -> None:
    for hold_id in ids:
        outbox.add(None, Ending(hold_id, None))


class Writer:
    """Writes entries, or fails with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.ids: list[str] = []

    async def __call__(self, entry: OutboxEntry) -> None:
        if self.error is not None:
            raise self.error
        assert entry.ending is not None
        self.ids.append(entry.ending.id)


def deliver(outbox: Outbox, write: Writer) -> None:
    asyncio.run(outbox.deliver(write))


def test_the_oldest_is_written_first() -> None:
    outbox, write = Outbox(), Writer()
    entries(outbox, "a", "b")
    deliver(outbox, write)
    deliver(outbox, write)
    assert (write.ids, len(outbox), outbox.lost) == (["a", "b"], 0, 0)


def test_an_entry_is_kept_until_it_failed_too_often() -> None:
    outbox = Outbox()
    entries(outbox, "a", "b")
    for tried in range(1, TRIES + 1):
        with pytest.raises(StoreError):
            deliver(outbox, Writer(StoreError("out of reach")))
        assert (len(outbox), outbox.lost) == ((2, 0) if tried < TRIES else (1, 1))
    write = Writer()
    deliver(outbox, write)
    assert write.ids == ["b"]


def test_what_a_store_cannot_process_is_given_up_at_once() -> None:
    outbox = Outbox()
    entries(outbox, "a")
    deliver(outbox, Writer(OperationError("no such counter")))
    assert (len(outbox), outbox.lost) == (0, 1)


def test_what_is_interrupted_is_kept() -> None:
    outbox = Outbox()
    entries(outbox, "a")
    with pytest.raises(KeyboardInterrupt):
        deliver(outbox, Writer(KeyboardInterrupt()))
    assert (len(outbox), outbox.lost) == (1, 0)


def test_of_too_many_the_oldest_is_given_up() -> None:
    outbox, write = Outbox(), Writer()
    entries(outbox, *map(str, range(SIZE + 1)))
    assert (len(outbox), outbox.lost) == (SIZE, 1)
    deliver(outbox, write)
    assert write.ids == ["1"]
