from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.diagnostics import Diagnostic, Severity, Span, draw, frame, printable

KEY = "sk-" + "ant-" + "abcdefghijklmnopqrstuvwxyz"


def test_a_diagnostic_is_drawn_with_its_line_and_help() -> None:
    found = Diagnostic(
        "unknown-name",
        Severity.ERROR,
        "`sonet` is no model",
        Span("p.yaml", 2, 9, 2, 14),
        "did you mean `sonnet`?",
        (("defined here", Span("q.yaml", 1, 1, 2, 2)),),
    )
    texts = {"p.yaml": "rules:\n  only: sonet # x\n", "q.yaml": "abc\nd"}
    assert draw(found, texts) == (
        "error[unknown-name] `sonet` is no model\n"
        "  --> p.yaml:2:9\n"
        "   |\n"
        " 2 |   only: sonet # x\n"
        "   |         ^^^^^\n"
        "  --> q.yaml:1:1: defined here\n"
        "   |\n"
        " 1 | abc\n"
        "   | ^^^\n"
        "   = help: did you mean `sonnet`?"
    )


def test_a_diagnostic_without_a_place_or_a_text() -> None:
    found = Diagnostic("x", Severity.NOTE, "words", None)
    assert draw(found, {}) == "note[x] words"
    placed = Diagnostic("x", Severity.WARNING, "words", Span("p.yaml", 7, 1, 7, 2))
    assert draw(placed, {}) == "warning[x] words\n  --> p.yaml:7:1"
    assert draw(placed, {"p.yaml": "one line"}) == "warning[x] words\n  --> p.yaml:7:1"


@pytest.mark.parametrize(
    ("text", "span", "lines"),
    [
        ("abc", Span("p", 1, 4, 1, 5), [" 1 | abc", "   |    ^"]),
        ("abc", Span("p", 1, 1, 1, 1), [" 1 | abc", "   | ^"]),
        ("a\tb", Span("p", 1, 3, 1, 4), [" 1 | a\tb", "   |  \t^"]),
        ("ab\r\nc", Span("p", 1, 2, 1, 3), [" 1 | ab", "   |  ^"]),
        ("größe: x", Span("p", 1, 8, 1, 9), [" 1 | größe: x", "   |        ^"]),
        ("日本: x", Span("p", 1, 5, 1, 6), [" 1 | 日本: x", "   |       ^"]),
        ("x: 日本", Span("p", 1, 4, 1, 6), [" 1 | x: 日本", "   |    ^^^^"]),
        ("e\u0301: x", Span("p", 1, 5, 1, 6), [" 1 | e\u0301: x", "   |    ^"]),
        ("\n" * 98 + "x", Span("p", 99, 1, 99, 2), [" 99 | x", "    | ^"]),
        ("a\x1b[31mb", Span("p", 1, 7, 1, 8), [" 1 | a\ufffd[31mb", "   |       ^"]),
        (f"a: {KEY} x", Span("p", 1, 4, 1, 4 + len(KEY)),
         [f" 1 | a: sk-ant{'*' * (len(KEY) - 6)} x", "   |    " + "^" * len(KEY)]),
    ],
)  # fmt: skip
def test_frames(text: str, span: Span, lines: list[str]) -> None:
    assert frame(span, text)[1:] == lines


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 300))
def test_a_long_line_is_cut_with_the_caret_in_view(length: int, col: int, width: int) -> None:
    row = "".join(chr(97 + i % 26) for i in range(length))
    _, shown, carets = frame(Span("p", 1, col, 1, col + width), row)
    shown, carets = shown.removeprefix(" 1 | "), carets.removeprefix("   | ")
    assert len(shown) <= 120
    assert len(carets) <= 121
    assert carets.strip() == "^" * len(carets.strip())
    if col <= length:
        assert shown[carets.index("^")] == row[col - 1]


@given(st.integers(0, 300), st.integers(1, 340))
def test_a_credential_is_never_shown_however_the_line_is_cut(before: int, col: int) -> None:
    row = "x" * before + " " + KEY + " " + "y" * 200
    assert KEY[8:16] not in "\n".join(frame(Span("p", 1, col, 1, col + 1), row))


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_nothing_that_is_drawn_can_drive_a_terminal(text: str, message: str, help_: str) -> None:
    found = Diagnostic("x", Severity.ERROR, message, Span("p", 1, 1, 1, 3), help_)
    drawn = draw(found, {"p": text})
    assert all(c.isprintable() or c in "\t\n" for c in drawn)


def test_neither_message_nor_help_shows_a_credential() -> None:
    found = Diagnostic("x", Severity.ERROR, f"unknown `{KEY}`", None, f"not {KEY}")
    assert KEY not in draw(found, {})
    assert KEY not in found.message + found.help


@given(st.text())
def test_what_is_printable_is_as_long_as_before(text: str) -> None:
    assert len(printable(text)) == len(text)
    assert printable(printable(text)) == printable(text)


def test_spans_sort_by_place_and_print_as_editors_read_them() -> None:
    spans = [Span("b", 1, 1, 1, 2), Span("a", 10, 1, 10, 2), Span("a", 9, 3, 9, 4)]
    assert [str(span) for span in sorted(spans)] == ["a:9:3", "a:10:1", "b:1:1"]
