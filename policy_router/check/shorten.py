"""Limits how many findings are shown.

One mistake can be repeated ten thousand times. No one reads ten thousand findings, and rendering
them takes longer than the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_SHOWN: Final = 200
MORE: Final = "more-findings"
_BY_SEVERITY: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def shorten(
    findings: Sequence[Diagnostic],
) -> tuple[list[Diagnostic], Mapping[Severity, int]]:
    """Choose the findings to show, errors first.

    Args:
        findings: All findings.

    Returns:
        The findings to show, in their order, and how many of each severity are omitted.
    """
    kept: set[int] = set()
    omitted: dict[Severity, int] = {}
    for severity in _BY_SEVERITY:
        numbers = [i for i, d in enumerate(findings) if d.severity is severity]
        free = MOST_SHOWN - len(kept)
        kept.update(numbers[:free])
        if len(numbers) > free:
            omitted[severity] = len(numbers) - free
    return [findings[i] for i in sorted(kept)], omitted


def omitted_note(omitted: Mapping[Severity, int]) -> tuple[Diagnostic, ...]:
    """Return the note that counts what is omitted; nothing when nothing is."""
    if not omitted:
        return ()
    counts = [f"{n:,} {severity}{'' if n == 1 else 's'}" for severity, n in omitted.items()]
    return (
        Diagnostic(
            MORE,
            Severity.NOTE,
            f"and {sum(omitted.values()):,} more: {' and '.join(counts)}",
            None,
            "fix some of those above, then check again",
        ),
    )
