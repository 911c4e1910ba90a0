"""Lists without entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document
    from policy_router.language.source import Path


# An empty list in these differs from a missing one.
_MAY_BE_EMPTY: Final = frozenset({"can", "prefer", "json_schema", "params", "rules", "tests"})


def of_lists(document: Document) -> Iterator[IdleField]:
    """Yield lists without entries."""
    for path in _empty(document, ()):
        yield IdleField(
            path, "a list without entries is the same as none", "add entries, or leave it out"
        )


def _empty(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            if key not in _MAY_BE_EMPTY:
                yield from _empty(getattr(value, name), (*path, key))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty(inner, (*path, key))
    elif isinstance(value, list):
        if not value:
            yield path
        for i, inner in enumerate(value):
            yield from _empty(inner, (*path, i))
