"""The functions that a policy names as `module:function`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from policy_router.domain.ordering import FunctionKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span

REFERENCE: Final = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"
WRAP: Final = (
    "functions of Python's standard library are never called, since they would get text of a "
    "prompt or "
    "an answer as their argument; wrap them in your own function"
)
_REFERENCE: Final = re.compile(REFERENCE)


def is_reference(name: str) -> bool:
    """Whether a name is written as `module:function`."""
    return _REFERENCE.fullmatch(name) is not None


def is_pythons_own(name: str) -> bool:
    """Whether a module, or a function by its full name, belongs to Python's standard library."""
    return re.split("[.:]", name, maxsplit=1)[0] in sys.stdlib_module_names


def functions_of(policy: Policy) -> Iterator[tuple[str, str, Span | None]]:
    """Every function that a policy calls: its name, its purpose, and where it is written."""
    estimator = policy.complexity
    if estimator.function is not None:
        yield estimator.function, "to rate requests", estimator.span
    rules = [rule for rule in policy.rules if not rule.shadow]
    own = [task.prefer for task in policy.tasks] + [rule.prefer for rule in policy.rules]
    for keys in (policy.prefer, *filter(None, own)):
        for key in keys:
            if isinstance(key, FunctionKey):
                yield key.function, "to sort models", key.span
    for accept in [*[t.accept for t in policy.tasks], *[r.accept for r in rules]]:
        if accept is not None and accept.python is not None:
            yield accept.python, f"to check answers ({accept.by})", accept.span
