"""Lists of sort keys: `prefer` of the policy, of a rule, of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.ordering import FunctionKey
from policy_router.language.document.types import PythonKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.ordering import OrderKey, SortKey
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.source import Path


def compile_order(
    resolver: Resolver, keys: Sequence[SortKey | PythonKey] | None, path: Path
) -> tuple[OrderKey, ...] | None:
    """The keys of a `prefer`; None without any."""
    if keys is None:
        return None
    order: list[OrderKey] = []
    for i, key in enumerate(keys):
        if isinstance(key, PythonKey):
            at = (*path, i, "python")
            resolver.own_function(key.python, at)
            order.append(FunctionKey(key.python, resolver.places.value(at)))
        else:
            order.append(key)
    return tuple(order)
