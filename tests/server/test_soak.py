"""The short form of the soak: a server whose policy is replaced while it answers."""

from __future__ import annotations

import sys

import pytest

from benchmarks.soak import main


@pytest.mark.skipif(sys.platform != "linux", reason="it measures by /proc")
def test_no_request_sees_two_policies_and_nothing_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--requests", "400", "--reloads", "20", "--connections", "8"]) == 0, (
        capsys.readouterr().out
    )
