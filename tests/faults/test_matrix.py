"""The matrix of faults, in short: `python -m tests.faults` (`make faults`) plays all of it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.faults.matrix import DIRECT, WAYS, Cell, cells, files_open, run
from tests.faults.table import FAULTS
from tests.providers.contract.faults import FAULTS as CONTRACT

NEW = [name for name in FAULTS if name not in CONTRACT]
SOME = NEW[::8]
"""Of the faults that the contract of the callers does not play, as many as LiteLLM has time for."""
BY_LITELLM = [name for name in WAYS if name not in DIRECT]


def play(them: list[Cell]) -> None:
    asyncio.run(run(them[:4]))  # what is imported and opened once is there
    before = files_open()
    report = asyncio.run(run(them))
    gc.collect()
    assert not report.wrong, "\n".join(map(str, report.wrong))
    assert not report.left
    assert files_open() <= before


@pytest.mark.parametrize("way", DIRECT)
def test_every_fault_has_its_consequence(way: str) -> None:
    play(cells([way]))


@pytest.mark.parametrize("way", BY_LITELLM)
def test_faults_have_the_same_consequence_through_litellm(way: str) -> None:
    play(cells([way], SOME))


def test_the_table_is_large_enough() -> None:
    assert len(FAULTS) >= 200
    assert len(cells()) >= 3_000
    for way in WAYS:
        assert len({cell.fault.name for cell in cells([way])}) >= 100, way
