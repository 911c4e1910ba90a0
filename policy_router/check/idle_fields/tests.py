"""Tests in a policy that state what changes nothing, or expect nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document


def of_tests(document: Document) -> Iterator[IdleField]:
    """Yield states that do not concern the request of a test, and tests that expect nothing."""
    for i, test in enumerate(document.tests or ()):
        request = test.request if isinstance(test.request, dict) else {}
        for session in (test.given.session or {}) if test.given is not None else {}:
            if request.get("session") != session:
                yield IdleField(
                    ("tests", i, "given", "session", session),
                    f"the request of this test does not belong to session `{session}`",
                    f"add  session: {session}  to the request",
                )
        if test.given is not None and test.given.stats and not _adjusts(document):
            yield IdleField(
                ("tests", i, "given", "stats"),
                "what outcomes say changes no decision of this policy",
                "set  learning: { mode: adjust }, or remove stats",
            )
        if not test.expect.model_dump(exclude_none=True):
            yield IdleField(
                ("tests", i, "expect"),
                "this test expects nothing",
                "add what the decision must be",
            )


def _adjusts(document: Document) -> bool:
    return document.learning is not None and document.learning.mode == "adjust"
