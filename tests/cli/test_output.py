"""The two output streams: who gets color, progress, and errors."""

from __future__ import annotations

import io
import sys

import pytest

from policy_router.cli.output import progress, show, wants_color
from policy_router.views.lines import Table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
@pytest.mark.parametrize("total", [None, 2])
def test_progress_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shown: bool, total: int | None
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("loading", total) as advance:
        advance()
        advance()
    assert ("loading" in stream.getvalue()) is shown


@pytest.mark.parametrize(
    ("environment", "color"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_color_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], color: bool
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(Terminal()) is color


def test_a_pipe_has_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert not wants_color(io.StringIO())


def test_a_table_fits_the_terminal_and_is_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    blocks = [Table([("model", "word " * 20)])]
    terminal, pipe = Terminal(), io.StringIO()
    show(blocks, terminal)
    show(blocks, pipe)
    assert max(map(len, terminal.getvalue().splitlines())) <= 30
    assert len(pipe.getvalue().splitlines()) == 1
    assert "\x1b" not in terminal.getvalue()
