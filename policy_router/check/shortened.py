"""The first of very many problems, and how many more there are.

One slip can be repeated ten thousand times. Nobody reads ten thousand findings, and drawing them
takes longer than the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_SHOWN: Final = 200
MORE: Final = "more-findings"
_GRAVEST: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def shorten(
    found: Sequence[Diagnostic],
) -> tuple[list[Diagnostic], Mapping[Severity, int]]:
    """The problems to show, in the order they have, and how many of each kind are left out."""
    kept: set[int] = set()
    omitted: dict[Severity, int] = {}
    for severity in _GRAVEST:
        numbers = [i for i, d in enumerate(found) if d.severity is severity]
        room = MOST_SHOWN - len(kept)
        kept.update(numbers[:room])
        if len(numbers) > room:
            omitted[severity] = len(numbers) - room
    return [found[i] for i in sorted(kept)], omitted


def told(omitted: Mapping[Severity, int]) -> tuple[Diagnostic, ...]:
    """The note that counts what is left out; none when nothing is."""
    if not omitted:
        return ()
    kinds = [f"{n:,} {severity}{'' if n == 1 else 's'}" for severity, n in omitted.items()]
    return (
        Diagnostic(
            MORE,
            Severity.NOTE,
            f"and {sum(omitted.values()):,} more: {' and '.join(kinds)}",
            None,
            "correct some of those above, then check again",
        ),
    )
