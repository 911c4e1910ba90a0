"""Prompts that add nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document


def of_prompts(document: Document) -> Iterator[IdleField]:
    """Yield prompts, and fields of them, that change no call."""
    for name, prompt in (document.prompts or {}).items():
        sets = prompt.params is not None and bool(prompt.params.model_fields_set)
        if prompt.system is None and not sets:
            yield IdleField(
                ("prompts", name), f"prompt `{name}` adds nothing", "add system or params"
            )
        if prompt.place is not None and prompt.system is None:
            yield IdleField(
                ("prompts", name, "place"),
                f"prompt `{name}` has no text to place",
                "add system, or remove place",
            )
        if prompt.force and not sets:
            yield IdleField(
                ("prompts", name, "force"),
                f"prompt `{name}` has no parameters to force",
                "add params, or remove force",
            )
