"""a part of the policy that has no effect in this version

It is fully checked, so that the file stays valid, but no decision depends on it yet.

Bad:
    discovery: { sources: [openrouter] }

Good:
    prefer: [free, cheapest]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.document import Document

SECTIONS: Final = (
    "invariants", "tests", "reports", "discovery",
)  # fmt: skip


def check(subject: Subject) -> Iterator[Diagnostic]:
    document, places = subject.draft.document, subject.draft.places
    parts = [name for name in SECTIONS if getattr(document, name)]
    parts += _parts(document)
    if parts:
        first = parts[0].split(".")[0]
        yield note(
            "no-effect-yet",
            "checked, but without effect in this version: " + ", ".join(parts),
            places.key((first,)),
        )


def _parts(document: Document) -> Iterator[str]:
    """Yield single fields without effect in sections that have an effect."""
    models = (document.models or {}).values()
    if any(model.gpu_memory for model in models):
        yield "models.gpu_memory"
