"""The output of a command: the answer on standard output, all else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.diagnostics import printable
from policy_router.views.terminal import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from policy_router.views.lines import Block

LOADING: Final = "loading LiteLLM ..."
"""What `progress` says while LiteLLM is imported."""


def wants_color(stream: TextIO) -> bool:
    """Return whether a stream shows colors, by NO_COLOR, FORCE_COLOR and what it leads to."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def show(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Write lines and tables, in color and wrapped to its width where the stream is a terminal.

    Args:
        blocks: What to show.
        stream: Where to; standard output by default.
    """
    stream = stream or sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    write(render(blocks, color=wants_color(stream), width=width), stream)


def show_json(value: Mapping[str, object]) -> None:
    """Write one JSON object to standard output, in ASCII so that any encoding can carry it."""
    write(json.dumps(value, indent=2) + "\n", sys.stdout)


def inform(*blocks: Block) -> None:
    """Write lines and tables to standard error."""
    show(blocks, sys.stderr)


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Show progress on standard error, if it is a terminal.

    Args:
        text: What is being done.
        total: Number of steps; None where it is unknown.

    Yields:
        A function to call after each step.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415  pipes do not need rich
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    console = Console(stderr=True)
    if total is None:
        with console.status(text):
            yield lambda: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda: bar.advance(task)


def fail(message: str, code: ExitCode = ExitCode.USAGE) -> NoReturn:
    """End the command with an error message on standard error."""
    lines = "\n".join(map(printable, message.split("\n")))
    inform([("error", "bold red"), (f": {lines}", "")])
    raise typer.Exit(code)


def cause(problem: Exception) -> str:
    """Return why a file could not be read or written, as the end of a sentence."""
    from policy_router.ledger.private_file import UnsafeFileError  # noqa: PLC0415  rarely needed

    if isinstance(problem, UnsafeFileError):
        return str(problem)
    return (getattr(problem, "strerror", None) or str(problem)).lower()


def stdout_is_closed() -> bool:
    """Return whether the parent process closed standard output, so that the answer is lost."""
    return sys.__stdout__ is None and getattr(sys.stdout, "name", None) == os.devnull


def failed_write() -> int | None:
    """Return the exit code for output that could not be written; None when all was."""
    try:
        for stream in (sys.stderr, sys.stdout):
            write("", stream)  # a stream that failed once fails again
    except typer.Exit as ended:
        return ended.exit_code
    return None


def write(text: str, stream: TextIO) -> None:
    """Write text to a stream.

    When the reader of a pipe has closed it, the output ends and the command goes on, so that its
    exit code stays true. Any other error ends the command.
    """
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _discard(stream)
    except OSError as problem:
        _discard(stream)
        if stream is sys.stderr:
            raise typer.Exit(ExitCode.USAGE) from None
        fail(f"cannot write the answer: {(problem.strerror or str(problem)).lower()}")


def _discard(stream: TextIO) -> None:
    """Redirect a stream to nowhere: what is left in its buffer is written again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
