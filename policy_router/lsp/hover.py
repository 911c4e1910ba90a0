"""The Markdown that an editor shows about the word under the pointer."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policy_router.assurance.regions import Regions
from policy_router.decision.bitset import bits
from policy_router.decision.caller_choice import is_selected
from policy_router.language.document.types import SELECTOR
from policy_router.lsp.schema_at import description_of, keys_of, schemas_at, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.lsp.cursor import Cursor

_MOST: Final = 6
"""Models that are named; more are counted."""


def hover(cursor: Cursor, policy: Policy | None, file: str, line: int) -> str:
    """Return what is known about the word at a place; empty where nothing is.

    Args:
        cursor: The place.
        policy: The policy of the files; None while it has errors.
        file: Name of the file as the policy's spans have it.
        line: Its line, counted from 1.
    """
    lines = list(_of_the_language(cursor))
    if policy is not None:
        lines += _of_the_policy(cursor, policy)
        lines += (
            _reach_of(policy, number)
            for number, rule in enumerate(policy.rules)
            if rule.span is not None and (rule.span.file, rule.span.line) == (file, line)
        )
    return "\n\n".join(each for each in lines if each)


def _of_the_language(cursor: Cursor) -> Iterator[str]:
    """What the schema says about a key or a word."""
    if cursor.is_key:
        schema = keys_of(schemas_at(cursor.path)).get(cursor.word)
        if schema is not None:
            yield f"**{cursor.word}**: {description_of(schema)}"
    elif not cursor.before:
        for schema in schemas_at(cursor.path):
            yield words_of(schema).get(cursor.word, "")


def _of_the_policy(cursor: Cursor, policy: Policy) -> Iterator[str]:
    """What a fact or a model is, and which models a word selects."""
    if "when" not in cursor.path:
        if cursor.word in policy.models_by_name:
            yield _about(policy.models_by_name[cursor.word])
        elif not cursor.is_key:
            yield from _selection(cursor, policy)
        return
    number = policy.vocabulary.by_name.get(cursor.word)
    if number is not None:
        fact = policy.vocabulary.facts[number]
        values = f": {', '.join(f'`{value}`' for value in fact.values)}" if fact.values else ""
        yield f"fact `{fact.name}`, {fact.kind}{values}"


def _selection(cursor: Cursor, policy: Policy) -> Iterator[str]:
    """The models of a tier, a tag or a pattern."""
    selects = any(each.get("description") == SELECTOR for each in schemas_at(cursor.path))
    if not cursor.word or not (selects or cursor.word in policy.tiers):
        return
    names = [
        model.name
        for model in policy.models
        if is_selected(model, (cursor.word,))
        or ("*" in cursor.word and _matches(model, cursor.word))
    ]
    yield f"selects {_listed(names)}" if names else "selects no model"


def _matches(model: Model, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (model.name, model.provider_model))


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:_MOST])
    return f"{shown} and {len(names) - _MOST} more" if len(names) > _MOST else shown


def _about(model: Model) -> str:
    price = "free" if model.free else "of unknown price" if model.price is None else "paid"
    tags = f", tags {', '.join(sorted(model.tags))}" if model.tags else ""
    return f"model `{model.provider_model}`, tier `{model.tier}`, {price}{tags}"


def _reach_of(policy: Policy, number: int) -> str:
    """In how many regions of requests a rule applies, and what it excludes there."""
    source = Regions(policy).sources[number]
    excluded = [policy.models[bit].name for bit in bits(source.removes)]
    effect = f"excludes {_listed(excluded)}" if excluded else "excludes no model"
    if source.boxes is None:
        return f"reached by more regions of requests than can be counted; {effect}"
    count = len(source.boxes)
    if count == 0:
        return "reached by no request"
    return f"reached by {count} region{'s' * (count != 1)} of requests; {effect}"
