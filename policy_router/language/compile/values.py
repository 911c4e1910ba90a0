"""Single values of a document, ready for a policy."""

from __future__ import annotations

from typing import TypeVar

_Value = TypeVar("_Value")
_Default = TypeVar("_Default")


def given(value: _Value | None, default: _Default) -> _Value | _Default:
    """The value that the policy gives, even when it is zero or false; else the default."""
    return default if value is None else value


def frozen_list(value: _Value | list[_Value]) -> _Value | tuple[_Value, ...]:
    """The value, as a tuple when it is a list."""
    return tuple(value) if isinstance(value, list) else value
