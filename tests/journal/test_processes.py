"""Several processes write to one journal; one of them is killed; a server goes away and returns."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.feedback import Feedback
from policy_router.errors import StoreError
from policy_router.journal.journal import Journal
from policy_router.journal.reader import JournalReader
from tests.journal.make import answered, read
from tests.journal.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.journal.address import JournalAddress

WRITER = """
import sys, time
from policy_router.journal.journal import Journal
from tests.journal.make import answered

name, number, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
journal = Journal(url)
for n in range(number):
    journal.add(answered(f"{name}-{n}", passed=("json",)))
    if n % 100 == 0:
        time.sleep(0)
journal.flush()
print("written", flush=True)
if sys.stdin.readline():
    journal.close()
else:
    time.sleep(600)
"""


def writer(address: JournalAddress, name: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(number), address.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip


def test_processes_write_to_one_journal(address: JournalAddress) -> None:
    writers = [writer(address, name, 300) for name in "abc"]
    for each in writers:
        each.communicate("end\n")
        assert each.returncode == 0
    with JournalReader(address) as reader:
        assert reader.count() == 900
        (days,) = reader.days([])
        assert (days.calls, days.rated, days.cost) == (900, 900, 900 * 1_000_000_001)


def test_what_was_flushed_survives_a_kill(address: JournalAddress) -> None:
    killed = writer(address, "k", 200)
    assert killed.stdout is not None
    assert killed.stdin is not None
    assert killed.stdout.readline() == "written\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    with Journal(address) as journal:
        journal.add(answered("later"))
        journal.flush()
    with JournalReader(address) as reader:
        assert reader.count() == 201
        assert [days.calls for days in reader.days([])] == [201]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_writes_for_itself(address: JournalAddress) -> None:
    journal = Journal(address)
    journal.add(answered("parent-1"))
    journal.flush()
    journal.add(answered("parent-2"))
    child = os.fork()
    if not child:
        try:
            journal.add(answered("child"))
            journal.close()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.close()
    assert sorted(outcome.decision for outcome in read(address)) == [
        "child", "parent-1", "parent-2",
    ]  # fmt: skip


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_what_waits_is_written_when_the_server_returns(server: PostgresServer) -> None:
    changes: list[bool] = []
    url = server.new_database()
    journal = Journal(url, on_change=lambda up, _: changes.append(up))
    with journal:
        journal.add(answered("before"))
        journal.flush()
        server.stop()
        journal.add(answered("meanwhile"))
        journal.flush()
        assert changes == [False]
        with pytest.raises(StoreError):
            asyncio.run(journal.feedback(Feedback("before", 1.0)))
        server.start()
        deadline = time.monotonic() + 60
        while changes != [False, True] and time.monotonic() < deadline:
            journal.flush()
            time.sleep(0.05)
        assert changes == [False, True]
        asyncio.run(journal.feedback(Feedback("before", 0.5)))
    with journal.reader() as reader:
        kept = [(outcome.decision, outcome.feedback) for outcome in reader.outcomes()]
    assert kept == [("before", 0.5), ("meanwhile", None)]
    assert journal.dropped == 0
