"""Every string in a policy document, with its place and its use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document
    from policy_router.language.source import Path

_USES: Final = {
    # Text for people, which may contain anything.
    "description": "prose", "deny": "prose", "rubric": "prose", "system": "prose",
    "request": "prompt",
    "pattern": "pattern", "json_schema": "pattern", "when": "condition",
    "api_base": "address", "model": "address", "keywords": "keyword", "name": "title",
}  # fmt: skip


def strings(document: Document) -> Iterator[tuple[Path, str, str]]:
    """Yield the path, the text and the use of each string in a document, without keys.

    The use is `address`, `condition`, `keyword`, `name`, `pattern`, `prompt`, `prose` or `title`.
    """
    yield from _walk(document, (), "name")


def _walk(value: object, path: Path, use: str) -> Iterator[tuple[Path, str, str]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from _walk(getattr(value, name), (*path, key), _use(use, path, key))
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = _use(use, path, key) if path[-1:] == ("request",) else use
            yield from _walk(inner, (*path, key), below)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _walk(inner, (*path, i), use)
    elif type(value) is str:
        if path[-1:] == ("model",) and path[:1] != ("models",):
            use = "name"  # of a model of the policy
        yield path, value, use


def _use(use: str, path: Path, key: str) -> str:
    if use in ("pattern", "prompt", "prose"):
        return use
    if path == () and key == "name":
        return "name"
    return _USES.get(key, use)
