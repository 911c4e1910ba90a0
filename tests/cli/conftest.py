"""Every test of the command line starts with an environment that says nothing."""

from __future__ import annotations

import os

import pytest

from tests.cli.run import clean_environment


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = clean_environment()
    for name in list(os.environ):
        if name not in kept:
            monkeypatch.delenv(name)
