"""JSON Schemas that answers are checked by: whether one can be used, and whether a value fits it.

An answer is somebody else's text. So patterns are RE2 here, nothing is ever fetched, and what is
said of a misfit names a place in the schema, never what stood in the answer.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.patterns import RE2, pattern_problem, search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema.protocols import Validator
    from referencing import Resource


STEPS: Final = 400_000
"""Keywords of a schema that are looked at for one answer; some seconds of work."""
_REFERENCE: Final = "$ref"
_DYNAMIC: Final = "$dynamicRef"
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Beyond(Exception):  # noqa: N818  never leaves this module
    """Following the schema takes too long, or nobody waits for it any more."""


class _Meter:
    """What is known while one answer is looked at.

    stopped: says that nobody waits for the outcome any more. seen: whether a value fits what a
    reference leads to, by the places of both in memory; None while that is being found out.
    """

    __slots__ = ("_left", "_stopped", "seen")

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._left = STEPS
        self._stopped = stopped
        self.seen: dict[tuple[int, int], bool | None] = {}

    def step(self) -> None:
        """Counts one keyword of the schema, or one item."""
        self._left -= 1
        if self._left < 0 or self._stopped():
            raise _Beyond


_meter: Final[ContextVar[_Meter]] = ContextVar("what is known of the answer looked at")


class Problem(NamedTuple):
    """Why a schema cannot be used. path: where in it, as far as that is known."""

    message: str
    help: str = ""
    path: tuple[str | int, ...] = ()


def problem_of(schema: Any) -> Problem | None:
    """What is wrong with a schema, or None. Draft 2020-12, unless its `$schema` says another."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415  75 ms that few policies pay
    from referencing.jsonschema import DRAFT202012, specification_with  # noqa: PLC0415

    says = str(schema.get("$schema", DRAFT))
    kind = _drafts().get(says)
    if kind is None:
        return Problem(f"no draft is called `{says}`", "leave `$schema` out", ("$schema",))
    try:
        wrong = best_match(kind(kind.META_SCHEMA).iter_errors(schema))
    except RecursionError:
        return Problem("it is nested too deeply")
    if wrong is not None:
        return Problem(wrong.message[:200], path=tuple(wrong.absolute_path))
    whole = specification_with(says, default=DRAFT202012).create_resource(schema)
    try:
        follow = _following(whole)
    except ValueError:  # Python's, of an address such as `http://[`
        return Problem("an `$id` in it cannot be read as an address", "leave `$id` out")
    return next((found for part in _parts(whole) if (found := _unusable(part, follow))), None)


def misfit(schema: str, value: Any, stopped: Callable[[], bool] = lambda: False) -> str | None:
    """Why a value does not fit a schema (as JSON text), or None when it does. A schema that cannot
    be followed to its end fits nothing. stopped: asked often; once it says so, the work ends."""
    _meter.set(_Meter(stopped))
    try:
        wrong = next(iter(_validator(schema).iter_errors(value)), None)
    except Exception:  # noqa: BLE001  endless references, numbers beyond all bounds: fail closed
        return "the schema cannot be followed to its end"
    if wrong is None:
        return None
    return f"does not fit the schema at `{'/'.join(map(str, wrong.absolute_schema_path))}`"


def _drafts() -> Mapping[str, type[Validator]]:
    """The drafts there are, by what `$schema` calls them."""
    from jsonschema import Draft7Validator, Draft202012Validator  # noqa: PLC0415  as above

    older = "http://json-schema.org/draft-07/schema"
    return {DRAFT: Draft202012Validator, older: Draft7Validator, f"{older}#": Draft7Validator}


def _parts(resource: Resource[Any]) -> Iterator[Any]:
    """Every schema within a schema, the whole first."""
    stack = [resource]
    while stack:
        here = stack.pop()
        yield here.contents
        stack.extend(here.subresources())


def _unusable(part: Any, follow: Callable[[str], object]) -> Problem | None:
    """What a valid schema may say and ours may not."""
    if not isinstance(part, dict):
        return None
    if "patternProperties" in part:
        # jsonschema matches names by Python's `re`, which some texts keep busy for ever.
        return Problem(
            "`patternProperties` is not read here", "name the properties, or use `python`"
        )
    for word in ("unevaluatedProperties", "unevaluatedItems"):
        if word in part:
            # Looked at anew for each property or item: long answers would take for ever.
            return Problem(f"`{word}` is not read here", "use `additionalProperties` or `items`")
    bad = pattern_problem(part["pattern"]) if "pattern" in part else None
    if bad is not None:
        return Problem(f"the pattern `{part['pattern']}` cannot be read: {bad}", RE2)
    for word in ("$ref", "$dynamicRef"):
        if word in part and not _leads_somewhere(part[word], follow):
            words = f"`{word}: {part[word]}` leads nowhere"
            return Problem(words, "refer to a part of it, as in `#/$defs/name`")
    return None


def _following(whole: Resource[Any]) -> Callable[[str], object]:
    """What follows references within a schema, its parts looked through once for all of them."""
    from referencing import Registry  # noqa: PLC0415  as above

    registry: Registry[Any] = Registry()  # which fetches nothing
    name = whole.id() or ""
    follow: Callable[[str], object] = (
        registry.with_resource(name, whole).crawl().resolver_with_root(whole).lookup
    )
    return follow


def _leads_somewhere(reference: str, follow: Callable[[str], object]) -> bool:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        follow(reference)
    except (Unresolvable, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    from jsonschema.validators import extend  # noqa: PLC0415  as above
    from referencing import Registry  # noqa: PLC0415

    loaded = json.loads(schema)
    kind = _drafts()[loaded.get("$schema", DRAFT)]
    words = {**kind.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique}
    ours = {word: _counted(check) for word, check in words.items()}
    # What a dynamic reference leads to hangs on the way there, so nothing can be remembered.
    if _DYNAMIC not in schema:
        ours[_REFERENCE] = _remembered(words[_REFERENCE])
    linear = extend(kind, ours)  # type: ignore[no-untyped-call]  # partial stubs
    made: Validator = linear(loaded, registry=Registry())
    return made


def _counted(check: Any) -> Any:
    """The check of a keyword, counted as a step."""

    def counted(validator: Any, asked: Any, value: object, within: Any) -> Any:
        _meter.get().step()
        return check(validator, asked, value, within)

    return counted


def _remembered(follow: Any) -> Any:
    """What follows a reference, once for each value: where a schema refers to itself twice, the
    work would double with each level of an answer."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  as above

    def remembered(validator: Any, to: str, value: object, within: Any) -> Iterator[Exception]:
        meter = _meter.get()
        meter.step()
        place = id(within), id(value)
        if place not in meter.seen:
            meter.seen[place] = None
            wrong = next(iter(follow(validator, to, value, within)), None)
            meter.seen[place] = wrong is None
            if wrong is not None:
                yield wrong
            return
        fits = meter.seen[place]
        if fits is None:
            raise _Beyond  # it refers to itself and never gets further
        if not fits:
            yield ValidationError("it does not fit")

    return remembered


def _unique(_: Any, asked: bool, value: object, __: Any) -> Iterator[Exception]:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  as above

    if asked and isinstance(value, list) and len(set(map(_canonical, value))) < len(value):
        yield ValidationError("an item stands there twice")


def _canonical(value: Any) -> str:
    """The same for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    _meter.get().step()
    return json.dumps(_even(value), sort_keys=True)


def _even(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _even(each) for key, each in value.items()}
    return [_even(each) for each in value] if isinstance(value, list) else value


def _pattern(_: Any, pattern: str, value: object, __: Any) -> Iterator[Exception]:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  as above

    if isinstance(value, str) and search(pattern, None)(value) is None:
        yield ValidationError("the pattern is not found")
