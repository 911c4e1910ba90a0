"""Makes objects of frozen classes quickly, for those that every request needs.

The constructor of a frozen dataclass sets each field by a call, which takes longer than much of
the work for a request. Here the fields are set on an object of a class with the same slots that is
not frozen, which then becomes one of the frozen class.
"""

from __future__ import annotations

from dataclasses import field, fields, make_dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def maker(frozen: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return what does the same as the constructor of a frozen class, in less than half the time.

    Args:
        frozen: A frozen dataclass with slots and without `__post_init__`.
    """
    target = cast("type", frozen)

    def freeze(made: object) -> None:
        made.__class__ = target

    copied = [
        (each.name, object, field(default=each.default, default_factory=each.default_factory))
        for each in fields(target)
    ]
    unfrozen = make_dataclass(
        target.__name__, copied, slots=True, namespace={"__post_init__": freeze}
    )
    return cast("Callable[_P, _T]", unfrozen)
