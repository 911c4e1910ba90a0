"""What lines and tables become in a pipe, on a terminal and in color."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from policy_router.views.lines import Block, Table
from policy_router.views.terminal import render

LONG = "word " * 40


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], ""),
        (["plain"], "plain\n"),
        (["tabs\tstay, and so does\r"], "tabs\tstay, and so does\r\n"),
        ([[("error", "bold red"), (": no", "")]], "error: no\n"),
        ([LONG], LONG + "\n"),
        ([Table([])], ""),
        ([Table([("a", "b")])], "a  b\n"),
        ([Table([("", "n"), ("long", "1")], header=True)], "      n\nlong  1\n"),
        ([Table([("x", "y"), ("long", "")], indent=3)], "   x     y\n   long\n"),
        ([Table([(("x", "red"), "y")])], "x  y\n"),
        ([Table([("表", "y"), ("abc", "y")])], "表   y\nabc  y\n"),
        ([Table([("a", LONG.strip())])], f"a  {LONG.strip()}\n"),
        ([Table([("[20/min]", ":smile:")])], "[20/min]  :smile:\n"),
    ],
)
def test_a_pipe_gets_plain_lines_as_long_as_they_are(blocks: list[Block], expected: str) -> None:
    assert render(blocks) == expected


@given(
    st.integers(1, 3).flatmap(
        lambda columns: st.lists(
            st.tuples(*[st.text("ab 1[]:", max_size=6)] * columns), min_size=1, max_size=3
        )
    ),
    st.integers(0, 3),
)
def test_a_table_in_a_pipe_is_the_same_with_and_without_rich(
    rows: list[tuple[str, ...]], indent: int
) -> None:
    # A character beyond ASCII that is one column wide makes rich align the table.
    accented = [tuple(text.replace("a", "é") for text in row) for row in rows]
    plain = render([Table(rows, indent=indent)])
    assert render([Table(accented, indent=indent)]).replace("é", "a") == plain


def test_styles_are_the_sixteen_standard_colors() -> None:
    line: Block = [("error", "bold red"), (": no", "")]
    assert render([line], color=True) == "\x1b[1;31merror\x1b[0m: no\n"
    table = Table([("", "n"), (("x", "red"), "1")], header=True)
    assert render([table], color=True).splitlines()[1].startswith("\x1b[31mx\x1b[0m")


def test_a_line_is_never_wrapped_on_a_terminal() -> None:
    assert render([LONG], width=40) == LONG + "\n"
    assert render([[(LONG, "bold")]], color=True, width=40) == f"\x1b[1m{LONG}\x1b[0m\n"


def test_a_cell_is_wrapped_within_its_column_on_a_terminal() -> None:
    lines = render([Table([("model", LONG.strip())])], width=40).splitlines()
    assert lines[0].startswith("model  word")
    assert all(line.startswith("       word") for line in lines[1:])
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split() == ["model", *LONG.split()]


@pytest.mark.parametrize("before", ["", "abc", "表"])
def test_carets_stay_below_tabbed_text_in_color(before: str) -> None:
    blank = " " * cell_len(before)
    shown = render([f"{before}\ttext", [(f"{blank}\t^^^^", "red")]], color=True)
    source, caret = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert cell_len(source.partition("text")[0]) == cell_len(caret.partition("^")[0])
