"""Text to the two streams: stdout is the answer, stderr everything else; colour only for people."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeAlias

import typer

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Piece: TypeAlias = tuple[str, str]
"""A text and the style it is shown in; no style is ''."""
Line: TypeAlias = "str | Sequence[Piece]"


def coloured(stream: TextIO) -> bool:
    """Whether someone looks at this stream who wants colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def show(lines: Iterable[Line], stream: TextIO | None = None) -> None:
    """Lines to stdout, or to another stream, styled where that is wanted."""
    stream = stream or sys.stdout
    paint = _Painter() if coloured(stream) else _plain
    write("".join(paint(line) + "\n" for line in lines), stream)


def show_json(value: Mapping[str, object]) -> None:
    """One object to stdout. Only ASCII, so that no locale can spoil it."""
    write(json.dumps(value, indent=2) + "\n", sys.stdout)


def say(*lines: Line) -> None:
    """Lines to stderr."""
    show(lines, sys.stderr)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Shows on stderr that something is going on; only to a person, and gone when it is over."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415  pipes need none of it

    with Console(stderr=True).status(text):
        yield


def fail(message: str, code: int = 2) -> NoReturn:
    """End the command with one line on stderr."""
    say([("error", "bold red"), (f": {_rows(message)}", "")])
    raise typer.Exit(code)


def reason(problem: Exception) -> str:
    """Why a file could not be written, as the end of a sentence."""
    from policy_router.ledger.private_file import UnsafeFileError  # noqa: PLC0415  rarely needed

    if isinstance(problem, UnsafeFileError):
        return str(problem)
    return (getattr(problem, "strerror", None) or str(problem)).lower()


def _rows(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def unheard() -> bool:
    """Whether standard output was closed, so that what is written to it is lost."""
    return sys.__stdout__ is None and getattr(sys.stdout, "name", None) == os.devnull


def flushed() -> int | None:
    """The exit code when something is still to be written that cannot be; None when all is well."""
    try:
        for stream in (sys.stderr, sys.stdout):
            write("", stream)  # what has failed once fails once more
    except typer.Exit as ended:
        return ended.exit_code
    return None


def write(text: str, stream: TextIO) -> None:
    """Text to a stream. A reader who has gone away ends the output, not the command, so that its
    exit code stays true."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _let_go(stream)
    except OSError as problem:
        _let_go(stream)
        if stream is sys.stderr:
            raise typer.Exit(2) from None
        fail(f"cannot write the answer: {(problem.strerror or str(problem)).lower()}")


def _let_go(stream: TextIO) -> None:
    """Lead the stream to nowhere, for what is left in its buffer is written once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _plain(line: Line) -> str:
    return line if isinstance(line, str) else "".join(text for text, _ in line)


class _Painter:
    """Styled pieces as the escape sequences of sixteen colours, which every terminal has."""

    def __init__(self) -> None:
        from rich.color import ColorSystem  # noqa: PLC0415  pipes need none of it
        from rich.style import Style  # noqa: PLC0415

        self._style, self._system = Style, ColorSystem.STANDARD

    def __call__(self, line: Line) -> str:
        if isinstance(line, str):
            return line
        return "".join(
            self._style.parse(style).render(text, color_system=self._system) if style else text
            for text, style in line
        )


def table(rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> list[Line]:
    """Rows as columns of equal width, two blanks apart; the last column is as long as it is.
    styles: one per row."""
    from rich.cells import cell_len  # noqa: PLC0415  knows wide letters

    if not rows:
        return []
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines: list[Line] = []
    for number, row in enumerate(rows):
        cells = [text + " " * (widths[i] - cell_len(text)) for i, text in enumerate(row)]
        style = styles[number] if styles else ""
        lines.append([("  ".join(cells).rstrip(), style)])
    return lines
