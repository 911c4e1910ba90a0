"""Finds what makes a JSON Schema unusable for checking answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.answer_schema import drafts
from policy_router.patterns import RE2, pattern_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from referencing import Resource

_UNEVALUATED: Final = ("unevaluatedProperties", "unevaluatedItems")


class SchemaProblem(NamedTuple):
    """Why a schema cannot be used.

    Attributes:
        message: What is wrong with it.
        help: What to write instead; empty when the message says it.
        path: Where in the schema, as far as that is known.
    """

    message: str
    help: str = ""
    path: tuple[str | int, ...] = ()


def problem_of(schema: Any) -> SchemaProblem | None:
    """Find out whether a schema can be used.

    Args:
        schema: The schema as a value of JSON, of draft 2020-12 unless its `$schema` names draft 7.

    Returns:
        The first problem, or None when there is none.
    """
    from jsonschema.exceptions import best_match  # noqa: PLC0415  75 ms that few policies pay
    from referencing.jsonschema import DRAFT202012, specification_with  # noqa: PLC0415

    name = str(schema.get("$schema", drafts.DEFAULT))
    draft = drafts.validators().get(name)
    if draft is None:
        return SchemaProblem(f"no draft is called `{name}`", "leave `$schema` out", ("$schema",))
    try:
        invalid = best_match(draft(draft.META_SCHEMA).iter_errors(schema))
    except RecursionError:
        return SchemaProblem("it is nested too deeply")
    if invalid is not None:
        return SchemaProblem(invalid.message[:200], path=tuple(invalid.absolute_path))
    whole = specification_with(name, default=DRAFT202012).create_resource(schema)
    try:
        follow = _resolver(whole)
    except ValueError:  # Python's own, of an address such as `http://[`
        return SchemaProblem("an `$id` in it cannot be read as an address", "leave `$id` out")
    parts = [part for part in _subschemas(whole) if isinstance(part, dict)]
    problems = (problem for part in parts if (problem := _problem_of_part(part, follow)))
    return next(problems, None) or _unreadable_combination(parts)


def _resolver(whole: Resource[Any]) -> Callable[[str], object]:
    """Return what looks up a reference within a schema. It fetches nothing.

    Raises:
        ValueError: An `$id` in the schema is not an address.
    """
    from referencing import Registry  # noqa: PLC0415  75 ms that few policies pay

    registry: Registry[Any] = Registry()
    name = whole.id() or ""
    look_up: Callable[[str], object] = (
        registry.with_resource(name, whole).crawl().resolver_with_root(whole).lookup
    )
    return look_up


def _subschemas(whole: Resource[Any]) -> Iterator[Any]:
    """Yield a schema and every schema within it."""
    stack = [whole]
    while stack:
        part = stack.pop()
        yield part.contents
        stack.extend(part.subresources())


def _problem_of_part(
    subschema: dict[str, Any], follow: Callable[[str], object]
) -> SchemaProblem | None:
    """Find what is valid JSON Schema and still cannot be used, in one schema of a larger one."""
    patterns = [
        *subschema.get("patternProperties", ()),
        *([subschema["pattern"]] if "pattern" in subschema else ()),
    ]
    for pattern in patterns:
        problem = pattern_problem(pattern)
        if problem is not None:
            return SchemaProblem(f"the pattern `{pattern}` cannot be read: {problem}", RE2)
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in subschema and not _leads_somewhere(subschema[keyword], follow):
            return SchemaProblem(
                f"`{keyword}: {subschema[keyword]}` leads nowhere",
                "refer to a part of it, as in `#/$defs/name`",
            )
    return None


def _unreadable_combination(parts: list[dict[str, Any]]) -> SchemaProblem | None:
    """Refuse `unevaluated...` where what is evaluated depends on the way to a dynamic reference."""
    if not any("$dynamicRef" in part for part in parts):
        return None
    for keyword in _UNEVALUATED:
        if any(keyword in part for part in parts):
            return SchemaProblem(
                f"`{keyword}` is not supported together with `$dynamicRef`", "use `$ref`"
            )
    return None


def _leads_somewhere(reference: str, follow: Callable[[str], object]) -> bool:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415  75 ms that few policies pay

    try:
        follow(reference)
    except (Unresolvable, ValueError):
        return False
    return True
