"""What a caller says about a request in headers and in the `metadata` of its body.

Hints are facts and constraints, which can only remove or reorder what the policy allows. None of
them changes who the caller is: identity comes from the key alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from policy_router.domain.money import parse_usd
from policy_router.quoting import quoted
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from policy_router.options import RequestOptions
    from policy_router.server.principal import Principal

PREFIX: Final = "x-policy-router-"
"""How the headers with hints begin: `x-policy-router-task`."""
_SHORT_INTEGER: Final = re.compile(r"[0-9]{1,9}")


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value.strip()
    raise ValueError("a text")


def _words(value: object) -> list[str]:
    items = value.split(",") if isinstance(value, str) else value
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return [_text(item) for item in items if item]
    raise ValueError("words, separated by commas")


def _number(value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError("a number")


def _count(value: object) -> int:
    number = int(value) if isinstance(value, str) and _SHORT_INTEGER.fullmatch(value) else value
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise ValueError("an integer")


def _score(value: object) -> str | float:
    """The name of a band, or a number."""
    try:
        return _number(value)
    except ValueError:
        return _text(value)


def _dollars(value: object) -> Decimal:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return parse_usd(str(value))
        except ValueError:
            pass
    raise ValueError("an amount in US dollars such as 0.05")


def _flag(value: object) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False}
    found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("`true` or `false`")
    return found


HINTS: Final[Mapping[str, Callable[[object], object]]] = {
    "task": _text,
    "complexity": _score,
    "language": _text,
    "tags": _words,
    "needs": _words,
    "session": _text,
    "prefer": _words,
    "max_cost": _dollars,
    "max_price": _dollars,
    "max_latency": _number,
    "min_quality": _number,
    "max_candidates": _count,
    "min_tier": _text,
    "only": _words,
    "avoid": _words,
    "dry_run": _flag,
    "deadline": _number,
}
"""Each hint with what reads its value; the name of its header has dashes in place of the
underscores."""


_HEADERS: Final = tuple(
    (name, PREFIX + name.replace("_", "-"), read) for name, read in HINTS.items()
)


def read_hints(headers: Mapping[str, str], metadata: object) -> dict[str, Any]:
    """Return the hints of a request by name.

    Args:
        headers: The HTTP headers, by name in lower case.
        metadata: The `metadata` of the body. Fields that are no hints are the client's own.

    Raises:
        RefusedCallError: A hint has an invalid value. To ignore it could send a request where its
            caller does not want it.
    """
    fields = metadata if isinstance(metadata, Mapping) else {}
    hints: dict[str, Any] = {}
    if not fields and not any(name.startswith(PREFIX) for name in headers):
        return hints
    for name, header, read in _HEADERS:
        value, place = headers.get(header), f"header `{header}`"
        if value is None:
            value, place = fields.get(name), f"`metadata.{name}`"
        if value is None:
            continue
        try:
            hints[name] = read(value)
        except ValueError as problem:
            raise RefusedCallError(
                400, "invalid_hint", f"{place} must be {problem}, not `{quoted(value)}`"
            ) from None
    return hints


def options_of(principal: Principal, hints: Mapping[str, Any]) -> RequestOptions:
    """Return the identity of a caller with its hints, as far as it may give them.

    Raises:
        RefusedCallError: It states a tag or names a task that its key does not allow. The request
            is refused rather than sent without it: a tag may be what keeps it on this machine.
    """
    options = dict(hints)
    for tag in options.get("tags", ()):
        if not principal.may_tag(tag):
            raise RefusedCallError(
                403,
                "tag_not_allowed",
                f"the key `{principal.name}` may not state the tag `{quoted(tag)}`",
            )
    if "task" in options and not principal.may_name_task(options["task"]):
        raise RefusedCallError(
            403,
            "task_not_allowed",
            f"the key `{principal.name}` may not name the task `{quoted(options['task'])}`",
        )
    if principal.tags:
        options["tags"] = [*principal.tags, *options.get("tags", ())]
    for name, most in (("max_cost", principal.max_cost), ("max_price", principal.max_price)):
        if most is not None:
            options[name] = min(most, options.get(name, most))
    for name in ("tenant", "user", "team"):
        options[name] = getattr(principal, name)
    options["key"] = principal.name or None
    return cast("RequestOptions", options)
