"""Processes whose clocks are wrong, really. The long form is `python benchmarks/clocks.py`."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.clocks import findings


def test_processes_with_wrong_clocks_open_no_limit() -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    found = findings(rounds=1)
    assert [each for each in found if not each.right] == []
