"""Whether the answer of a model fits a JSON Schema.

The text of an answer is not trusted. So nothing is fetched, the work has a bound that no
answer can lift, and a mismatch is described by a place in the schema, never by the answer's words.

Why this walks the schema in Python: jsonschema-rs, which is faster, cannot be stopped, lets no
other thread run in the meantime, and needs exponential time where a schema refers to itself twice.
To say where an answer differs it also collects every error: gigabytes for an answer of one
megabyte.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.answer_schema import drafts
from policy_router.answer_schema.keywords import KEYWORDS
from policy_router.answer_schema.meter import METER, Meter, OutOfStepsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.protocols import Validator

_REFERENCE: Final = "$ref"
_DYNAMIC: Final = "$dynamicRef"


def misfit(schema: str, value: Any, stopped: Callable[[], bool] = lambda: False) -> str | None:
    """Find out whether a value fits a schema.

    Args:
        schema: A schema without problems (see `problem_of`), as JSON text.
        value: A value of JSON.
        stopped: Called often; the work ends once it returns True.

    Returns:
        Why the value does not fit, or None when it does. A schema that cannot be followed to its
        end within the bound fits nothing.
    """
    METER.set(Meter(stopped))
    try:
        error = next(iter(_validator(schema).iter_errors(value)), None)
    except Exception:  # noqa: BLE001  endless references, huge numbers: whatever it is, fail closed
        return "the schema cannot be followed to its end"
    if error is None:
        return None
    return f"does not fit the schema at `{'/'.join(map(str, error.absolute_schema_path))}`"


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    from jsonschema.validators import extend  # noqa: PLC0415  75 ms that few policies pay
    from referencing import Registry  # noqa: PLC0415

    loaded = json.loads(schema)
    draft = drafts.validators()[loaded.get("$schema", drafts.DEFAULT)]
    replaced = {word: check for word, check in KEYWORDS.items() if word in draft.VALIDATORS}
    keywords = {**draft.VALIDATORS, **replaced}
    bounded = {word: _counted(check) for word, check in keywords.items()}
    # The target of a dynamic reference depends on the way to it, so nothing can be remembered.
    if _DYNAMIC not in schema:
        bounded[_REFERENCE] = _remembered(keywords[_REFERENCE])
    extended = extend(draft, bounded)  # type: ignore[no-untyped-call]  # partial stubs
    validator: Validator = extended(loaded, registry=Registry())
    return validator


def _counted(check: Any) -> Any:
    """Return the check of a keyword, counted as a step."""

    def counted(validator: Any, expected: Any, value: object, within: Any) -> Any:
        METER.get().step()
        return check(validator, expected, value, within)

    return counted


def _remembered(follow: Any) -> Any:
    """Return the check of references that follows each once for every value.

    Where a schema refers to itself twice, the work would otherwise double with each level of an
    answer.
    """
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  75 ms that few policies pay

    def remembered(validator: Any, target: str, value: object, within: Any) -> Iterator[Exception]:
        meter = METER.get()
        meter.step()
        key = id(within), id(value)
        if key not in meter.fits:
            meter.fits[key] = None
            error = next(iter(follow(validator, target, value, within)), None)
            meter.fits[key] = error is None
            if error is not None:
                yield error
            return
        fits = meter.fits[key]
        if fits is None:
            raise OutOfStepsError  # it refers to itself and never gets further
        if not fits:
            yield ValidationError("it does not fit")

    return remembered
