"""Every text that a policy document holds, with its place and what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document
    from policy_router.language.source import Path

_KINDS: Final = {
    # Texts for people, in which anything may stand.
    "description": "prose", "deny": "prose", "rubric": "prose", "system": "prose",
    "request": "prompt",
    "pattern": "pattern", "json_schema": "pattern", "when": "condition",
    "api_base": "address", "model": "address", "keywords": "keyword", "name": "title",
}  # fmt: skip


def strings(document: Document) -> Iterator[tuple[Path, str, str]]:
    """The path of each text, the text, and its kind: `address`, `condition`, `keyword`, `name`,
    `pattern`, `prompt`, `prose` or `title`. Keys are not among them."""
    yield from _walk(document, (), "name")


def _walk(value: object, path: Path, kind: str) -> Iterator[tuple[Path, str, str]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from _walk(getattr(value, name), (*path, key), _kind(kind, path, key))
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = _kind(kind, path, key) if path[-1:] == ("request",) else kind
            yield from _walk(inner, (*path, key), below)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _walk(inner, (*path, i), kind)
    elif type(value) is str:
        if path[-1:] == ("model",) and path[:1] != ("models",):
            kind = "name"  # of a model of the policy
        yield path, value, kind


def _kind(kind: str, path: Path, key: str) -> str:
    if kind in ("pattern", "prompt", "prose"):
        return kind
    if path == () and key == "name":
        return "name"
    return _KINDS.get(key, kind)
