"""Reads the fields of a client's body, and reports invalid ones by their path."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NoReturn

from policy_router.base_errors import UsageError
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable


class InvalidBodyError(UsageError):
    """A body that cannot be understood; a mistake of its client.

    Attributes:
        path: Where the mistake is, such as `messages[2].content`.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"`{self.path}` {self.problem}"


def refuse(path: str, problem: str) -> NoReturn:
    """Raise InvalidBodyError."""
    raise InvalidBodyError(path, problem)


def mapping(value: object, path: str) -> Mapping[str, Any]:
    """The value, which must be an object."""
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101  a dict is known at once
        return value
    return refuse(path, "must be an object")


def listed(value: object, path: str) -> list[Any]:
    """The value, which must be a list."""
    return value if isinstance(value, list) else refuse(path, "must be a list")


def text(value: object, path: str) -> str:
    """The value, which must be a string."""
    return value if isinstance(value, str) else refuse(path, "must be a string")


def name(value: object, path: str) -> str:
    """The value, which must be a string that is not empty."""
    return text(value, path) or refuse(path, "must not be empty")


def flag(value: object, path: str) -> bool:
    """The value, which must be true, false or absent."""
    if value is None or isinstance(value, bool):
        return value is True
    return refuse(path, "must be `true` or `false`")


def one_of(value: object, path: str, allowed: Iterable[str]) -> str:
    """The value, which must be one of these words."""
    if isinstance(value, str) and value in allowed:
        return value
    words = ", ".join(f"`{word}`" for word in allowed)
    return refuse(path, f"must be one of {words}, not `{quoted(value)}`")


def model_of(body: Mapping[str, Any]) -> str:
    """The model that a body asks for; empty when it names none."""
    return text(body.get("model") or "", "model")


def unknown_fields(body: Mapping[str, Any], known: Iterable[str], path: str = "") -> list[str]:
    """The fields that are set and not known, by their path, in the order of the body."""
    names = known if isinstance(known, AbstractSet) else set(known)
    unsent = (key for key, value in body.items() if key not in names and value is not None)
    return [f"{path}{quoted(key)}" for key in unsent]
