"""The keys that the models are sorted by for one request, and the functions that they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.ordering import FunctionKey, SortKey

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect, TaskEffect
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation


def order_keys(
    policy: Policy, request: Request, effect: Effect, own: TaskEffect | None
) -> tuple[OrderKey, ...]:
    """The keys of the caller, else of a rule, else of the task, else of the policy.

    Args:
        policy: The policy that decides.
        request: The request.
        effect: What the rules that apply mean.
        own: What the task does to the models, if anything.
    """
    if request.prefer is not None:
        return tuple(SortKey(key) for key in request.prefer)
    if effect.prefer is not None:
        return effect.prefer
    if own is not None and own.prefer is not None:
        return own.prefer
    return policy.prefer


def functions_for(policy: Policy, situation: Situation) -> tuple[str, ...]:
    """The functions of the program whose numbers the models are sorted by; see `Snapshot.scores`.

    Those of rules in shadow are among them, since what such a rule would do is worked out as well.

    Args:
        policy: The policy that decides.
        situation: The request as the policy sees it.
    """
    index = policy._index
    if not index.calls_functions or situation.problem is not None:
        return ()
    matching = index.matching(situation.facts)
    in_shadow = matching & index.shadowing
    matching ^= in_shadow
    own = None if situation.task is None else index.task_effects.get(situation.task.name)
    applying = [matching, *(matching | box for _, box in index.in_shadow(in_shadow))]
    effects = [index.effect(boxes) for boxes in applying]
    keys = [order_keys(policy, situation.request, effect, own) for effect in effects]
    functions = [key.function for each in keys for key in each if isinstance(key, FunctionKey)]
    return tuple(dict.fromkeys(functions))
