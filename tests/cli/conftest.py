"""Every test of the command line starts with an environment that says nothing but where
counters are kept: in a folder of the test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import clean_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    kept = clean_environment()
    for name in list(os.environ):
        if name not in kept:
            monkeypatch.delenv(name)
