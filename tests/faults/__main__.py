"""The whole matrix as a table: `python -m tests.faults [WAY ...]`.

Rows are faults, columns are ways of calling a model. Each cell has the whole answer and the stream:
`.` as it must be, `X` not, ` ` where the fault cannot occur.
"""

from __future__ import annotations

import asyncio
import sys

from tests.faults.matrix import WAYS, Report, cells, run
from tests.faults.table import FAULTS


def say(*lines: object) -> None:
    """Prints each value on a line of its own."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(ways: list[str]) -> int:
    """Runs the matrix and prints it. Returns the number of ways that are wrong, at most 1."""
    reports: dict[str, Report] = {}
    for way in ways or list(WAYS):
        report = reports[way] = asyncio.run(run(cells([way])))
        say(f"{way}: {len(report.results)} cells, {len(report.wrong)} wrong")
    marks = {
        (r.cell.fault.name, way, r.cell.stream): "X" if r.wrong else "."
        for way, report in reports.items()
        for r in report.results
    }
    width = max(map(len, FAULTS))
    say(*(f"{'':{width}} {'|' * i}{way}" for i, way in enumerate(reports)))
    for name in FAULTS:
        pairs = ("".join(marks.get((name, w, s), " ") for s in (False, True)) for w in reports)
        say(f"{name:{width}} {' '.join(pairs)}")
    wrong = [result for report in reports.values() for result in report.wrong]
    left = [f"{way}: {what} left" for way, report in reports.items() for what in report.left]
    say(*wrong, *left)
    say(f"{len(FAULTS)} faults, {len(marks)} cells, {len(wrong)} wrong")
    return int(bool(wrong or left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
