"""Where a name of the policy is defined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.diagnostics import Span
    from policy_router.language.source import Path, SourceFile
    from policy_router.lsp.cursor import Cursor

_SECTIONS: Final[tuple[Path, ...]] = (
    ("models",),
    ("tasks",),
    ("complexity", "bands"),
    ("attributes",),
    ("budgets",),
    ("limits",),
    ("aliases",),
    ("experiments",),
    ("prompts",),
    ("reports", "baselines"),
)
"""Mappings whose keys are names."""
_LISTS: Final[tuple[Path, ...]] = (("tiers",), ("tags",), ("abilities",))
_FIRST: Final = {
    "task": ("tasks",),
    "complexity": ("complexity", "bands"),
    "spent": ("budgets",),
    "used": ("limits",),
}
"""Keys whose values, or keys, are names of one section."""


def define(cursor: Cursor, sources: Sequence[SourceFile]) -> Span | None:
    """Return where the word at a place is defined; None where it is not.

    Args:
        cursor: The place.
        sources: The files of the policy that can be read.
    """
    if not cursor.word:
        return None
    sections = _SECTIONS
    for part in cursor.path:
        if part in _FIRST:
            sections = (_FIRST[str(part)], *_SECTIONS)
    if "when" in cursor.path:
        sections = (*_SECTIONS[1:], *_SECTIONS[:1])
    return next(_definitions(cursor.word, sections, sources), None)


def _definitions(
    word: str, sections: Sequence[Path], sources: Sequence[SourceFile]
) -> Iterator[Span]:
    for section in sections:
        for source in sources:
            entries = _at(source.data, section)
            if isinstance(entries, dict) and word in entries:
                yield source.key_span((*section, word))
    for section in _LISTS:
        for source in sources:
            items = _at(source.data, section)
            if isinstance(items, list) and word in items:
                yield source.value_span((*section, items.index(word)))
    for source in sources:  # a tag of models, at the first model that has it
        models = _at(source.data, ("models",))
        for name, model in models.items() if isinstance(models, dict) else ():
            tags = model.get("tags") if isinstance(model, dict) else None
            if isinstance(tags, list) and word in tags:
                yield source.value_span(("models", name, "tags", tags.index(word)))


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data
