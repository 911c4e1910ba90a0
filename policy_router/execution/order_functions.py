"""Calls the functions of the program by whose numbers models are sorted.

Whatever goes wrong, the models are sorted without the function: an order never fails a request.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from policy_router.acceptance.user_code import FunctionFailed
from policy_router.decision.order.order_keys import functions_for
from policy_router.execution.progress import for_task

if TYPE_CHECKING:
    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.domain.situation import Situation

_log: Final = logging.getLogger(__name__)
DEADLINE: Final = 1.0
"""Seconds that a function may take, or half of the request's deadline if that is less."""


class OrderFunctions:
    """Calls the functions that `prefer` names."""

    def __init__(self, functions: Functions, *, deadline: float = DEADLINE) -> None:
        """Takes what may be called.

        Args:
            functions: The functions that policies may call.
            deadline: Seconds that a function may take.
        """
        self._functions = functions
        self._deadline = deadline
        self._complained: set[str] = set()

    async def scores(
        self, policy: Policy, situation: Situation, seconds: float | None = None
    ) -> Mapping[str, Mapping[str, float]]:
        """What the functions give for a request, for `Snapshot.scores`. Never raises.

        Args:
            policy: The policy that decides.
            situation: The request as the policy sees it.
            seconds: Seconds until the request's deadline. Default: all that the policy allows.

        Returns:
            By function and name of a model a finite number. A function that fails, takes too long
            or gives something else is left out; its first failure is logged.
        """
        names = functions_for(policy, situation)
        if not names:
            return {}
        if seconds is None:
            seconds = for_task(policy.fallback, situation.task).deadline
        given = await asyncio.gather(
            *(self._call(name, policy, situation, seconds) for name in names)
        )
        return {name: each for name, each in zip(names, given, strict=True) if each is not None}

    async def _call(
        self, name: str, policy: Policy, situation: Situation, seconds: float
    ) -> Mapping[str, float] | None:
        limit = min(self._deadline, seconds / 2)
        given = await self._functions.call(name, limit, situation.request, policy.models)
        if isinstance(given, FunctionFailed):
            reason: str | None = given.reason
        else:
            try:
                numbers, reason = _numbers(given, policy)
            except Exception as error:  # noqa: BLE001  a mapping of the program may raise anything
                reason = f"returned a mapping that raised {type(error).__name__}"
            if reason is None:
                return numbers
        if name not in self._complained:
            self._complained.add(name)
            _log.warning("models are not sorted by the function `%s`: %s", name, reason)
        return None


def _numbers(given: object, policy: Policy) -> tuple[dict[str, float], str | None]:
    """The numbers by the names of models, and what is wrong with them, if anything is."""
    if not isinstance(given, Mapping):
        return {}, f"it returned {type(given).__name__}, not a mapping of models to numbers"
    numbers = {}
    for model, number in given.items():
        if model not in policy.models_by_name:
            return {}, "it named a model that the policy does not have"
        if isinstance(number, bool) or not isinstance(number, int | float):
            return {}, f"it gave {type(number).__name__} for `{model}`, not a number"
        if not math.isfinite(number):
            return {}, f"its number for `{model}` is not finite"
        numbers[str(model)] = float(number)
    return numbers, None
