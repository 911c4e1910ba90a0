"""Completions at a position: keys, words, names of the policy, facts and their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.document.types import SELECTOR
from policy_router.lsp.schema_at import description_of, keys_of, schemas_at, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.lsp.cursor import Cursor
    from policy_router.lsp.names import PolicyNames
    from policy_router.lsp.schema_at import Schema


class ItemKind(StrEnum):
    """What an item stands for, which editors show as a picture."""

    KEY = "key"
    WORD = "word"
    MODEL = "model"
    TIER = "tier"
    TAG = "tag"
    TASK = "task"
    BAND = "band"
    FACT = "fact"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that may stand at a place.

    Attributes:
        text: What is written.
        kind: What it stands for.
        about: What it means; may be empty.
    """

    text: str
    kind: ItemKind
    about: str = ""


_NAMES: Final = {
    "min_tier": ItemKind.TIER,
    "tier": ItemKind.TIER,
    "task": ItemKind.TASK,
    "complexity": ItemKind.BAND,
    "like": ItemKind.MODEL,
}
"""Keys whose values are names of the policy that no schema can list."""
_MODELS_EXPECTED: Final = frozenset({"first", "then", "order", "never"})
"""What a test expects of models, by their names."""
_STRING: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")


def complete(cursor: Cursor, names: PolicyNames) -> list[Item]:
    """Return what may stand at a place, without what its mapping or list has already.

    Args:
        cursor: The place.
        names: What the policy defines.
    """
    items: list[Item] = []
    if _is_condition(cursor):
        items += _in_condition(cursor, names)
    elif cursor.is_key or not cursor.path:
        items += _keys(schemas_at(cursor.path))
    else:
        schemas = schemas_at(cursor.path)
        items += _values(cursor, schemas, names)
        if not cursor.before:
            items += _keys(schemas)
    written = {cursor.word} if cursor.before else _written(cursor)
    unique = {item.text: item for item in reversed(items) if item.text not in written}
    return list(reversed(unique.values()))


def _keys(schemas: Sequence[Schema]) -> Iterator[Item]:
    for name, schema in keys_of(schemas).items():
        yield Item(name, ItemKind.KEY, description_of(schema))


def _values(cursor: Cursor, schemas: Sequence[Schema], names: PolicyNames) -> Iterator[Item]:
    key = next((part for part in reversed(cursor.path) if isinstance(part, str)), "")
    expected = "expect" in cursor.path and key in _MODELS_EXPECTED
    named = ItemKind.MODEL if expected else _NAMES.get(key)
    if named is not None:
        yield from _named(named, names)
        return
    for schema in schemas:
        if schema.get("description") == SELECTOR:
            yield from _selectors(names)
        for word, meaning in words_of(schema).items():
            yield Item(word, ItemKind.WORD, meaning)
        if schema.get("type") == "boolean":
            yield from (Item(word, ItemKind.WORD) for word in ("true", "false"))


def _named(kind: ItemKind, names: PolicyNames) -> Iterator[Item]:
    by_kind: dict[ItemKind, Sequence[str]] = {
        ItemKind.TIER: names.tiers,
        ItemKind.TASK: names.tasks,
        ItemKind.BAND: names.bands,
        ItemKind.MODEL: tuple(names.models),
    }
    yield from (Item(word, kind) for word in by_kind[kind])


def _selectors(names: PolicyNames) -> Iterator[Item]:
    """What selects models: their names, tiers and tags, and the words for all of some price."""
    for name, model in names.models.items():
        called = model.get("model", "") if isinstance(model, dict) else ""
        yield Item(str(name), ItemKind.MODEL, str(called))
    yield from (Item(tier, ItemKind.TIER, "the models of this tier") for tier in names.tiers)
    yield from (Item(tag, ItemKind.TAG, "the models with this tag") for tag in names.tags)
    yield Item("free", ItemKind.WORD, "the models that cost nothing")
    yield Item("paid", ItemKind.WORD, "the models that cost money")


# -- conditions ----------------------------------------------------------------------------------


def _is_condition(cursor: Cursor) -> bool:
    return "when" in cursor.path


def _in_condition(cursor: Cursor, names: PolicyNames) -> Iterator[Item]:
    """Facts, or in quotation marks the values of the fact that they are compared with."""
    facts = names.facts()
    behind = cursor.path[cursor.path.index("when") + 1 :]
    if behind and isinstance(behind[0], str):  # a mapping: fact -> value
        fact = facts.get(behind[0])
        yield from (Item(value, ItemKind.VALUE) for value in (fact.values if fact else ()))
        return
    outside = _STRING.sub("", cursor.before)
    if "'" in outside or '"' in outside:
        words = [word for word in _IDENTIFIER.findall(outside) if word != "in"]
        fact = facts.get(words[-1]) if words else None
        # A tag comes before the fact that it is looked for in.
        values = names.request_tags if fact is None else fact.values
        yield from (Item(value, ItemKind.VALUE) for value in values)
        return
    for name, fact in facts.items():
        values_of = f": {', '.join(fact.values)}" if fact.values else ""
        yield Item(name, ItemKind.FACT, f"{fact.kind}{values_of}")


def _written(cursor: Cursor) -> set[str]:
    """The keys, or members of a list, that stand next to the word."""
    data: Any = cursor.data
    for part in cursor.path if cursor.is_key else cursor.path[:-1]:
        data = data[part]
    if isinstance(data, dict) and cursor.is_key:
        return {str(key) for key in data}
    return {each for each in data if isinstance(each, str)} if isinstance(data, list) else set()
