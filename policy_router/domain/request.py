"""What is known of a request when it is decided. It never holds the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from policy_router.base_errors import UsageError
from policy_router.domain.ordering import SortKey
from policy_router.quoting import quoted

UNBOUNDED: Final = 1_000_000_000
"""Tokens in, when nobody can say how many: a file that is only referred to, say."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request. Never the prompt.

    task: a task of the policy; None takes its default task.
    complexity: a band's name or a score 0..1; None when unknown. Where the bands are the levels 1
    to 10, a whole number is a level: 7 is what 0.7 is.
    tokens: upper estimate of what goes in. max_input_tokens: what it cannot exceed, for
    reservations (None: tokens). pictures, thumbnails: pictures in full and in low detail, in
    addition to these tokens, since each model counts them its own way. max_tokens: cap of what
    comes out, when the caller set one. answers: how many.
    needs: abilities a model must have. attributes: the policy's declared facts.

    A value of another type than its field has raises UsageError.

    The caller's own criteria can only narrow or reorder what the policy allows:
    max_cost (nano-USD, estimated), max_latency (seconds, expected), min_quality (0..1),
    prefer (replaces the policy's sort keys), model (only this one), limit (at most so many).
    """

    task: str | None = None
    complexity: str | float | None = None
    tokens: int = 0
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    answers: int = 1
    needs: frozenset[str] | set[str] = frozenset()
    tags: frozenset[str] | set[str] = frozenset()
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = None
    language: str | None = None
    stream: bool = False
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)
    max_cost: int | None = None
    max_latency: float | None = None
    min_quality: float | None = None
    prefer: tuple[SortKey | str, ...] | None = None
    model: str | None = None
    max_candidates: int | None = None
    pictures: int = 0
    thumbnails: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for a value of a type that its field does not have. What is kept are
        plain values, which nothing that the caller does later can change."""
        put = object.__setattr__
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and type(value) is not str:
                put(self, name, _text(name, value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None and type(value) is not int and type(value) is not float:
                put(self, name, _number(name, value))
        for name in _WHOLE:
            value = getattr(self, name)
            if type(value) is not int and not (value is None and name in _OPTIONAL):
                put(self, name, _whole(name, value))
        score = self.complexity
        if score is not None and type(score) not in _PLAIN:
            read = _text if isinstance(score, str) else _number
            put(self, "complexity", read("complexity", score))
        if type(self.stream) is not bool:
            raise _mistyped("stream", "true or false", self.stream)
        _keep_collections(self)


_PLAIN: Final = frozenset({str, int, float})


_TEXTS: Final = ("task", "tenant", "user", "team", "key", "language", "model")


_NUMBERS: Final = ("max_cost", "max_latency", "min_quality")


_WHOLE: Final = (
    "tokens", "max_input_tokens", "max_tokens", "answers", "max_candidates", "pictures",
    "thumbnails",
)  # fmt: skip


_OPTIONAL: Final = frozenset({"max_input_tokens", "max_tokens", "max_candidates"})


def _keep_collections(request: Request) -> None:
    """Puts copies in the place of a request's collections; empty ones are as they should be."""
    put = object.__setattr__
    if request.needs or type(request.needs) is not frozenset:
        put(request, "needs", _words("needs", request.needs))
    if request.tags or type(request.tags) is not frozenset:
        put(request, "tags", _words("tags", request.tags))
    if request.attributes or type(request.attributes) is not dict:
        put(request, "attributes", _attributes(request.attributes))
    if request.prefer is not None:
        put(request, "prefer", _keys(request.prefer))


def _mistyped(name: str, wanted: str, value: object) -> UsageError:
    return UsageError(f"`{name}` is {wanted}, not `{quoted(value)}`")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _mistyped(name, "a text", value)
    return str.__str__(value)  # a class derived from `str` may say it equals anything


def _number(name: str, value: object) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mistyped(name, "a number", value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(name, "a whole number", value)
    return int.__int__(value)


def _words(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, frozenset | set | list | tuple):
        raise _mistyped(name, "a set of words", value)
    return frozenset([each if type(each) is str else _text(name, each) for each in value])


def _keys(value: object) -> tuple[SortKey | str, ...]:
    if not isinstance(value, tuple | list):
        raise _mistyped("prefer", "a list of sort keys", value)
    return tuple([k if isinstance(k, SortKey) else _text("prefer", k) for k in value])


def _attributes(value: object) -> Mapping[str, str | float | bool]:
    if not isinstance(value, Mapping):
        raise _mistyped("attributes", "a mapping of names to values", value)
    try:
        items = list(value.items())
    except Exception:  # noqa: BLE001  a caller's mapping may raise anything
        raise UsageError("`attributes` cannot be read") from None
    return {
        _text("attributes", name): each if isinstance(each, bool) else _scalar(name, each)
        for name, each in items
    }


def _scalar(name: str, value: object) -> str | float:
    if isinstance(value, str):
        return str.__str__(value)
    number = _number(quoted(name), value)
    if number is None:
        raise _mistyped(quoted(name), "a text, a number, true or false", value)
    return number
