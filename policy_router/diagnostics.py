"""Diagnostics: problems in a policy file, with location and remedy."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.redaction.mask import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Severity(StrEnum):
    """How serious a problem is."""

    ERROR = "error"  # the policy cannot be used
    WARNING = "warning"  # the policy can be used, but does not do what it seems to say
    NOTE = "note"  # for information; not counted as a finding


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of a policy file. Lines and columns count from 1, columns in characters.

    Attributes:
        file: Name of the file as diagnostics show it.
        line: Line of the first character.
        col: Column of the first character.
        end_line: Line of the end.
        end_col: Column after the last character.
    """

    file: str
    line: int
    col: int
    end_line: int
    end_col: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    Message and help may quote the file: control characters and credentials are masked.

    Attributes:
        rule: The kebab-case name that `policy-router rules NAME` explains.
        severity: Its severity.
        message: What is wrong: starts in lower case, has no full stop, and quotes in backticks.
        span: Where it is; None when it is not in a file.
        help: What to do about it; may be empty.
        related: Related locations, each with a short description.
    """

    rule: str
    severity: Severity
    message: str
    span: Span | None
    help: str = ""
    related: tuple[tuple[str, Span], ...] = field(default=())

    def __post_init__(self) -> None:
        # Both quote the file, and may be shown anywhere.
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "help", printable(self.help))


def headline(diagnostics: Iterable[Diagnostic]) -> str:
    """The first error in one line, with its place: `models.yaml:7:5 unknown field`.

    Returns:
        That line; an empty text when none of them is an error.
    """
    for each in diagnostics:
        if each.severity is Severity.ERROR:
            return printable(each.message if each.span is None else f"{each.span} {each.message}")
    return ""


def draw(diagnostic: Diagnostic, sources: Mapping[str, str]) -> str:
    """A diagnostic as text: message, place, the line with carets below it, help.

    Args:
        diagnostic: The diagnostic.
        sources: File name -> text, for the line.
    """
    d = diagnostic
    lines = [f"{d.severity}[{d.rule}] {d.message}"]
    if d.span is not None:
        lines.append(f"  --> {printable(str(d.span))}")
        lines.extend(frame(d.span, sources.get(d.span.file, "")))
    for words, span in d.related:
        lines.append(printable(f"  --> {span}: {words}"))
        lines.extend(frame(span, sources.get(span.file, "")))
    if d.help:
        lines.append(f"   = help: {d.help}")
    return "\n".join(lines)


_WIDTH = 120


def frame(span: Span, text: str) -> list[str]:
    """The first line of a span with carets below it; no lines if it is not in the text."""
    rows = text.split("\n")
    if not text or span.line > len(rows):
        return []
    row = rows[span.line - 1].rstrip("\r")
    start = min(span.col - 1, len(row))
    stop = min(span.end_col - 1, len(row)) if span.end_line == span.line else len(row)
    cut = max(0, start - _WIDTH // 2) if len(row) > _WIDTH else 0
    # Masked before it is truncated: half a credential would not be recognized.
    shown = printable(row)[cut : cut + _WIDTH]
    pad = "".join("\t" if c == "\t" else " " * _cells(c) for c in shown[: start - cut])
    width = max(1, sum(map(_cells, shown[start - cut : stop - cut])))
    number = str(span.line)
    gutter = " " * len(number)
    return [f" {gutter} |", f" {number} | {shown}", f" {gutter} | {pad}{'^' * width}"]


def _cells(char: str) -> int:
    """The width of a character in terminal columns."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def printable(text: str) -> str:
    """The text without control characters and credentials, safe to show in a terminal."""
    text = mask(text)
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
