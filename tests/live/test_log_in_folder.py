"""A log file in the watched folder: what is logged about a look causes no other look."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from policy_router.router.router import Router
from tests.execution.make import FakeCaller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.live.active import Active
    from policy_router.live.watch import Watch

POLICY = """\
version: 1
models: {{ m: {{ model: openai/m, tier: light, price: free, context: {context}k }} }}
"""
LINES = 100
"""Far more than is logged about a few reloads, far less than a log that feeds itself has."""


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """The file that everything is logged to, in the folder of the policy."""
    path = tmp_path / "app.log"
    handler = logging.FileHandler(path)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.setLevel(before)
    root.removeHandler(handler)
    handler.close()


@pytest.mark.parametrize("watch", ["auto", "poll"])
def test_a_log_in_the_folder_does_not_feed_itself(
    tmp_path: Path, log_file: Path, watch: Watch
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(context=8))
    revisions: list[str] = []
    changed = threading.Event()

    def on_reload(_: Active, new: Active) -> None:
        revisions.append(new.revision)
        changed.set()

    with Router.open(
        tmp_path,
        caller=FakeCaller(),
        watch=watch,
        interval=0.05,
        settle=0.01,
        settle_loss=0.0,
        on_reload=on_reload,
    ):
        for context in range(9, 14):
            changed.clear()
            policy.write_text(POLICY.format(context=context))
            assert changed.wait(60)
            logging.getLogger("somebody").debug("a line of the program itself")
    assert len(set(revisions)) == 5 == len(revisions)
    lines = log_file.read_text().splitlines()
    assert sum("policy reloaded" in line for line in lines) == 5
    assert len(lines) < LINES
