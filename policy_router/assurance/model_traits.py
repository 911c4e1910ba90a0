"""What a policy knows of a model that requests may ask for without any condition that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from policy_router.decision.abilities import EMBEDDINGS
from policy_router.domain.condition import TASK, Op, Test, Tree
from policy_router.domain.limits import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.prompts import Prompt

    Translate: TypeAlias = Callable[[Tree], Tree]


@dataclass(frozen=True, slots=True)
class MaxCost:
    """A `max_cost` of a rule or a task.

    Attributes:
        where: The requests that it is about; None is all of them.
        most: The amount, in nano-USD.
    """

    where: Tree | None
    most: int


@dataclass(frozen=True, slots=True)
class SizeTraits:
    """What decides how large a request a model can take, and what it costs by its tokens.

    Attributes:
        context: Tokens that its context holds; None where that is unknown.
        cap: The cap on answers that the policy fixes, if any.
        embeds: Whether it makes embeddings.
        prompts: Of each of its prompts the condition, the tokens that it adds, and the cap on
            answers that it fixes; nothing where none of them adds or fixes any.
    """

    context: int | None
    cap: int | None
    embeds: bool
    prompts: tuple[tuple[Tree | None, int, int | None], ...]


def prompts_of(policy: Policy, name: str) -> list[Prompt]:
    """The prompts of a policy that are for a model, in written order.

    Args:
        policy: The policy.
        name: The name of the model.
    """
    return [prompt for prompt in policy.prompts if name in prompt.models]


def size_traits(policy: Policy, name: str, translate: Translate) -> SizeTraits:
    """What a policy knows about the room that a model has for a request.

    Args:
        policy: The policy.
        name: The name of the model.
        translate: Puts a condition into the vocabulary in which policies are compared.
    """
    model = policy.models_by_name[name]
    heard = [
        (
            None if prompt.when is None else translate(prompt.when.tree),
            prompt.tokens,
            prompt.max_tokens if prompt.force else None,
        )
        for prompt in prompts_of(policy, name)
    ]
    if all(tokens == 0 and cap is None for _, tokens, cap in heard):
        heard = []
    embeds = EMBEDDINGS in model.abilities
    return SizeTraits(model.context, model.fixed_output, embeds, tuple(heard))


def cost_bounds(policy: Policy, translate: Translate) -> Iterator[MaxCost]:
    """The `max_cost` of rules and tasks.

    Args:
        policy: The policy.
        translate: Puts a condition into the vocabulary in which policies are compared.
    """
    for rule in policy.rules:
        most = rule.criteria.max_cost
        if most is not None and not rule.shadow:
            yield MaxCost(None if rule.when is None else translate(rule.when.tree), most)
    for task in policy.tasks:
        most = task.criteria.max_cost
        if most is not None:
            yield MaxCost(translate(Test(TASK, Op.IN, (task.name,))), most)


def closed_to_hosted_tools(
    policy: Policy, name: str, translate: Translate
) -> Iterator[Tree | None]:
    """Where a model may not run tools at its provider, whose cost nothing bounds; None is
    everywhere.

    Args:
        policy: The policy.
        name: The name of the model.
        translate: Puts a condition into the vocabulary in which policies are compared.
    """
    model, position = policy.models_by_name[name], policy.position(name)
    for limit in policy.limits:
        paid = not (model.free and limit.metric is Metric.USD)
        refuses = limit.is_budget and limit.capped and limit.refusing and paid
        if refuses and limit.models >> position & 1:
            yield None if limit.when is None else translate(limit.when.tree)
    for bound in cost_bounds(policy, translate):
        yield bound.where
