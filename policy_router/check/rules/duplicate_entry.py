"""the same entry twice in a list, or the same model twice

The second one has no effect. Most likely another one was meant.

Bad:
    rules:
      - { name: r, when: { tags: vip }, first: [big, big] }

Good:
    rules:
      - { name: r, when: { tags: vip }, first: [big, local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.source import Path

# Their lists are not part of the language, or may well contain an entry twice.
_OTHERS: Final = frozenset({"json_schema", "params", "then"})
# Here, equal entries are errors already.
_CHECKED: Final = frozenset({"tiers", "attributes"})


def check(subject: Subject) -> Iterator[Diagnostic]:
    yield from _twins(subject)
    for path, entries in _lists(subject.draft.document, ()):
        seen: dict[object, int] = {}
        for i, entry in enumerate(entries):
            # Keywords are equal without regard to case and to the number of spaces.
            folded = path[-1] == "keywords" and isinstance(entry, str)
            key = " ".join(str(entry).casefold().split()) if folded else (type(entry), entry)
            if key in seen:
                places = subject.draft.places
                yield warning(
                    "duplicate-entry",
                    f"`{_shown(entry)}` is twice in this list",
                    places.value((*path, i)),
                    "remove one of them",
                    ("the first", places.value((*path, seen[key]))),
                )
            seen.setdefault(key, i)


def _twins(subject: Subject) -> Iterator[Diagnostic]:
    """Yield models that differ in nothing but their names."""
    places = subject.draft.places
    seen: dict[str, str] = {}
    models = subject.draft.document.models or {}
    for name, model in models.items():
        limits = models[subject.draft.quotas.get(name, name)].limits
        whole = model.model_copy(update={"like": None, "limits": limits})
        first = seen.setdefault(whole.model_dump_json(exclude_none=True), name)
        if first != name:
            yield warning(
                "duplicate-entry",
                f"`{name}` is the same model as `{first}`, so it is no fallback for it",
                places.key(("models", name)),
                "remove one of them",
                ("the first", places.key(("models", first))),
            )


def _lists(value: object, path: Path) -> Iterator[tuple[Path, list[object]]]:
    """Yield the lists of strings and numbers in a document, with their paths."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            if key not in _OTHERS and not (path == () and key in _CHECKED):
                yield from _lists(getattr(value, name), (*path, key))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, (*path, key))
    elif isinstance(value, list):
        if all(isinstance(entry, str | int | float) for entry in value):
            yield path, value
        else:
            for i, inner in enumerate(value):
                yield from _lists(inner, (*path, i))


def _shown(entry: object) -> str:
    if isinstance(entry, bool):
        return str(entry).lower()
    return f"{entry:.6g}" if isinstance(entry, float) else str(entry)
