"""The matrix of faults through a server, in short: `python -m tests.faults served` plays it all."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.faults.api_clients import CLIENTS
from tests.faults.matrix import DIRECT, files_open
from tests.faults.served import run_served, served_cells
from tests.faults.table import FAULTS, REVEALING

SOME = (
    *("fine", "cut by length", "message null", "empty"),
    *("429", "401", "400", "moderation", "500 context_length_exceeded", "400 with a page"),
    *("529", "redirect", "reset", "html", "error-in-200", "silence before the headers"),
    *("stream-error-after-text", "stream-done-without-reason", "invalid UTF-8 in an event"),
    *(fault.name for fault in REVEALING),
)
"""Faults of every kind: of the request, the key and the provider, before the answer and in it."""


@pytest.mark.parametrize("way", DIRECT)
def test_clients_of_a_server_get_an_answer_or_an_error_of_their_dialect(way: str) -> None:
    every = served_cells([way], SOME)
    asyncio.run(run_served(every[:6]))  # what is imported and opened once is there
    before = files_open()
    report = asyncio.run(run_served(every))
    gc.collect()
    assert not report.wrong, "\n".join(map(str, report.wrong))
    assert not report.left
    assert files_open() <= before


def test_the_whole_table_has_every_fault_for_every_client() -> None:
    every = served_cells()
    for client in CLIENTS:
        assert {each.cell.fault.name for each in every if each.client.name == client} >= {
            name for name, fault in FAULTS.items() if fault.dialects - {"gemini", "ollama"}
        }
    assert len(every) >= 5_000
