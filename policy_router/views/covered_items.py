"""Renders the coverage of the tests of a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.cases.coverage import Coverage, CoveredItem
    from policy_router.views.lines import Line


def as_lines(path: str, coverage: Coverage) -> Iterator[Line]:
    """Yield how much of each kind is touched, and every item that is not."""
    touched = sum(item.tests > 0 for item in coverage.items)
    yield ""
    share = f"{coverage.share:.0%} ({touched} of {len(coverage.items)})"
    yield [(f"coverage of {printable(path)}: {share}", "bold")]
    for kind, items in _kinds(coverage).items():
        missing = [item for item in items if not item.tests]
        yield f"  {kind:<9} {len(items) - len(missing):>4} of {len(items)}"
        for item in missing:
            place = "" if item.span is None else f"  ({item.span})"
            yield [(f"    no test: {printable(item.name)}", "yellow"), (printable(place), "")]


def as_json(coverage: Coverage) -> dict[str, object]:
    """Return coverage as plain JSON values: for each kind its items, with the tests of each."""
    kinds = {
        kind: [
            {"name": item.name, "tests": item.tests, "at": item.span and str(item.span)}
            for item in items
        ]
        for kind, items in _kinds(coverage).items()
    }
    return {"share": round(coverage.share, 4), **kinds}


def _kinds(coverage: Coverage) -> dict[str, tuple[CoveredItem, ...]]:
    return {"rules": coverage.rules, "outcomes": coverage.outcomes, "models": coverage.models}
