"""What is shown while something slow goes on."""

from __future__ import annotations

import io
import sys

import pytest

from policy_router.views.terminal import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_only_a_person_sees_progress(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shown: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("loading"):
        pass
    assert ("loading" in stream.getvalue()) is shown
