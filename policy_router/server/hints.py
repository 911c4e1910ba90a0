"""What a caller says about a request in headers and in the `metadata` of its body.

Hints are facts and constraints, which can only remove or reorder what the policy allows. None of
them changes who the caller is: identity comes from the key alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from policy_router.domain.money import parse_usd
from policy_router.quoting import quoted
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from policy_router.options import RequestOptions
    from policy_router.server.identity.principal import Principal

PREFIX: Final = "x-policy-router-"
"""How the headers with hints begin: `x-policy-router-task`."""
EXPLAIN: Final = f"{PREFIX}explain"
"""The header that asks for the history of a request, which is no hint."""
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


_NAMES: Final = {f"{PREFIX}{name.replace('_', '-')}": name for name in HINTS}
"""The hint in each header."""
_GATHERED: Final = frozenset({"tags", "needs", "avoid"})
"""Hints that all places together state: each word narrows, or may be what a rule asks for."""
_ALIKE: Final = 0.75
"""How much the name of a header is like that of a hint which was meant; 1 for the same."""


def read_hints(headers: Iterable[tuple[str, str]], metadata: object) -> dict[str, Any]:
    """Return the hints of a request by name.

    A hint may be stated in several places, such as in a header of every call of a client and in the
    `metadata` of one call.

    Args:
        headers: The HTTP headers as they were sent, by name in lower case.
        metadata: The `metadata` of the body. Fields that are no hints are the client's own.

    Raises:
        RefusedCallError: A hint has an invalid value, has another value in each of two places, or
            is in a header with a mistyped name. To ignore it could send a request where its caller
            does not want it.
    """
    fields = {} if metadata is None or not isinstance(metadata, Mapping) else metadata
    stated: list[tuple[str | None, str, object]] = [
        (_hint_of(header), f"header `{header}`", value)
        for header, value in headers
        if header.startswith(PREFIX)
    ]
    hints: dict[str, Any] = {}
    if not stated and not fields:
        return hints
    stated += [(name, f"`metadata.{name}`", fields.get(name)) for name in HINTS]
    for name, place, value in stated:
        if name is not None and value is not None:
            found = _value(name, place, value)
            hints[name] = _joined(name, hints[name], found) if name in hints else found
    return hints


def state_task(hints: dict[str, Any], task: str | None) -> None:
    """Add the task in the name `auto:TASK` to the hints.

    Args:
        hints: The hints.
        task: The task; None for a name without one.

    Raises:
        RefusedCallError: The hints state another task.
    """
    if task is not None and hints.setdefault("task", task) != task:
        raise RefusedCallError(
            400,
            "invalid_hint",
            f"`model` names the task `{quoted(task)}`, and a hint the task "
            f"`{quoted(hints['task'])}`; state one task",
        )


def _value(name: str, place: str, value: object) -> object:
    try:
        return HINTS[name](value)
    except ValueError as problem:
        message = f"{place} must be {problem}, not `{quoted(value)}`"
        raise RefusedCallError(400, "invalid_hint", message) from None


def _joined(name: str, first: Any, second: Any) -> Any:
    """What two places say together."""
    if name in _GATHERED:
        return list(dict.fromkeys([*first, *second]))
    if first == second:
        return first
    raise RefusedCallError(
        400,
        "invalid_hint",
        f"the hint `{name}` has different values in two places, among the headers and `metadata`; "
        "state it once",
    )


@lru_cache(maxsize=256)
def _hint_of(header: str) -> str | None:
    """The hint that a header states; None for a header that states none."""
    name = _NAMES.get(header)
    if name is None and header != EXPLAIN:
        meant = get_close_matches(header[len(PREFIX) :], _WORDS, 1, _ALIKE)
        if meant:
            raise RefusedCallError(
                400,
                "invalid_hint",
                f"unknown header `{quoted(header)}`; did you mean `{PREFIX}{meant[0]}`?",
            )
    return name


_WORDS: Final = [header.removeprefix(PREFIX) for header in (*_NAMES, EXPLAIN)]


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
