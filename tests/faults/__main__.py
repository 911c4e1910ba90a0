"""The whole matrix as tables: `python -m tests.faults [WAY ...] [served]`.

Rows are faults, columns are ways of calling a model. Each cell has the whole answer and the stream:
`.` as it must be, `X` not, ` ` where the fault cannot occur.

`served` plays the faults to a server, and its columns are the clients that ask it: each cell has
the whole answer and the stream with another model to fall back on, and the same without one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from tests.faults.matrix import DIRECT, WAYS, Report, cells, run
from tests.faults.served import run_served, served_cells
from tests.faults.table import FAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVED = "served"


def say(*lines: object) -> None:
    """Prints each value on a line of its own."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def draw(marks: Mapping[tuple[str, str, int], str], columns: Sequence[str], cells: int) -> None:
    """Prints a table of marks by fault, column and number of the cell."""
    width = max(map(len, FAULTS))
    say(*(f"{'':{width}} {'|' * i}{column}" for i, column in enumerate(columns)))
    for name in FAULTS:
        found = ("".join(marks.get((name, c, n), " ") for n in range(cells)) for c in columns)
        say(f"{name:{width}} {' '.join(found)}")


def by_callers(ways: Sequence[str]) -> Report:
    """Plays the faults by ways of calling a model, and prints the table."""
    report, marks = Report(), {}
    for way in ways:
        began, part = time.monotonic(), asyncio.run(run(cells([way])))
        report += part
        seconds = time.monotonic() - began
        say(f"{way}: {len(part.results)} cells, {len(part.wrong)} wrong, {seconds:.0f} s")
        for each in part.results:
            marks[each.cell.fault.name, way, int(each.cell.stream)] = "X" if each.wrong else "."
    draw(marks, ways, 2)
    return report


def by_clients(ways: Sequence[str]) -> Report:
    """Plays the faults to a server, and prints a table for each way that it calls models by."""
    report = Report()
    for way in ways:
        began, part = time.monotonic(), asyncio.run(run_served(served_cells([way])))
        report += part
        seconds = time.monotonic() - began
        say(f"served by {way}: {len(part.results)} cells, {len(part.wrong)} wrong, {seconds:.0f} s")
        marks = {
            (served.cell.fault.name, served.client.name, 2 * served.alone + served.cell.stream):
                "X" if each.wrong else "."
            for each in part.results for served in (each.cell,)
        }  # fmt: skip
        draw(marks, list(dict.fromkeys(column for _, column, _ in marks)), 4)
    return report


def main(arguments: list[str]) -> int:
    """Runs the matrix and prints it. Returns 1 if anything is wrong, else 0."""
    ways = [each for each in arguments if each != SERVED]
    report, began = Report(), time.monotonic()
    if ways or SERVED not in arguments:
        report += by_callers(ways or list(WAYS))
    if SERVED in arguments or not ways:
        report += by_clients([way for way in ways if way in DIRECT] or DIRECT)
    say(*report.wrong, *(f"left: {what}" for what in report.left))
    seconds = time.monotonic() - began
    counted = f"{len(report.results)} cells, {len(report.wrong)} wrong"
    say(f"{len(FAULTS)} faults, {counted}, {seconds:.0f} s")
    return int(bool(report.wrong or report.left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
