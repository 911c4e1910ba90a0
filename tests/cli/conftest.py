"""Every test of the command line starts with an environment that says nothing but where
counters are kept: in a folder of the test."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    kept = clean_environment()
    for name in list(os.environ):
        if name not in kept:
            monkeypatch.delenv(name)


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The models of the test policies can be called, for all that `doctor` looks at."""
    monkeypatch.setenv("OPENAI_API_KEY", "set")
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        monkeypatch.setenv("OLLAMA_API_BASE", f"http://{host}:{port}")
        yield
