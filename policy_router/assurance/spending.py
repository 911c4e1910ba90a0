"""The highest estimated cost of the requests in a box.

A `max_cost` of a rule or a task bounds it, whatever else a request has. Without one the size of a
request does: the tokens that the condition allows or that fit into the context of a model, and the
length of the answer.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.reach import TOO_MANY, Excluded, Reached, Unknown, without
from policy_router.assurance.values import MOST, highest_number
from policy_router.assurance.witness import Witness, witnesses
from policy_router.decision.abilities import EMBEDDINGS
from policy_router.domain.condition import MAX_TOKENS, TASK, TOKENS, Op, Test
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.reach import Reach
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box, Space
    from policy_router.domain.condition import Condition
    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request

Dear: TypeAlias = "tuple[tuple[str, ...], str, Decision]"
"""The name of a model, what it costs as text for people, and the decision."""

_PARTS: Final = 200
"""Parts of the boxes that are examined for one model."""
_ANSWERS: Final = 1_024
"""The most answers that a valid request asks for."""
_PICTURES: Final = 1_000


def most_expensive(
    reach: Reach, boxes: Sequence[Box], when: Condition | None, most: int
) -> Excluded | Reached[Dear] | Unknown:
    """Look for a request that is estimated to cost more than an amount.

    Args:
        reach: What is known about the policy; its space distinguishes the tasks.
        boxes: Where the request may lie.
        when: A condition that it has to meet as well, for boxes that are wider than it.
        most: The amount, in nano-USD.
    """
    search = _Search(reach, boxes, when, most)
    unknown: Unknown | None = None
    for number, model in enumerate(reach.policy.models):
        try:
            answer = search.run(number, model)
        except GaveUp:
            answer = Unknown(TOO_MANY)
        if isinstance(answer, Reached):
            return answer
        unknown = unknown or answer
    return unknown or Excluded(reach.regions.owners(search.bounded))


@dataclass(slots=True)
class _Search:
    """Looks for a request that one model may answer for more than an amount."""

    reach: Reach
    boxes: Sequence[Box]
    when: Condition | None
    most: int

    @property
    def bounded(self) -> int:
        """Boxes in which a rule lets no model cost more."""
        regions, policy = self.reach.regions, self.reach.policy
        boxes = 0
        for number, rule in enumerate(policy.rules):
            own = rule.criteria.max_cost
            if own is not None and own <= self.most and not rule.shadow:
                boxes |= regions.holds[number]
        return boxes

    def run(self, number: int, model: Model) -> Reached[Dear] | Unknown | None:
        """A request, or why it is not known whether there is one; None when there is none."""
        policy, space, cover = self.reach.policy, self.reach.space, self.reach.cover
        if model.price is not None and highest_cost(policy, space, model, {}) <= self.most:
            return None
        by = self.reach.removers[number] | self.bounded | self.reach.impossible
        unsettled, examined = False, 0
        waiting = [part for box in self.boxes for part in self._outside_of_tasks(box)]
        while waiting:
            box = waiting.pop()
            part = cover.uncovered(box, by)
            if part is None:
                continue
            found = self._try(model, part)
            if found is not None:
                return found
            price = model.price
            unsettled = (
                unsettled or price is None or highest_cost(policy, space, model, part) > self.most
            )
            examined += 1
            if examined >= _PARTS:
                return Unknown(TOO_MANY)
            waiting += without(box, part, cover.live)
        if not unsettled:
            return None
        if model.price is None:
            return Unknown(f"the price of `{model.name}` is unknown")
        return Unknown("no request was found that shows it")

    def _outside_of_tasks(self, box: Box) -> Iterator[Box]:
        """The part of a box outside of the tasks that let no model cost more."""
        policy, space = self.reach.policy, self.reach.space
        for task in policy.tasks:
            own = task.criteria.max_cost
            if own is not None and own <= self.most:
                position, cells = space.cells(Test(TASK, Op.IN, (task.name,)))
                live = space.dimensions[position].live
                left = box.get(position, live) & ~cells
                if not left:
                    return
                box = {**box, position: left}
        yield box

    def _try(self, model: Model, part: Box) -> Reached[Dear] | None:
        policy, space = self.reach.policy, self.reach.space
        for witness in witnesses(policy, space, part, model):
            for larger in _larger(space, part, witness, model, self.most):
                decision = self.reach.decided(larger, self.when)
                for candidate in () if decision is None else decision.candidates:
                    cost = candidate.model.estimate(larger.request, larger.now)
                    if decision is not None and cost is not None and cost > self.most:
                        how = f"that `{candidate.name}` may answer for {spell_usd(cost)}"
                        return Reached(larger, ((candidate.name,), how, decision), part)
        return None


def _larger(
    space: Space, part: Box, witness: Witness, model: Model, most: int
) -> Iterator[Witness]:
    """The request, and the same with as many tokens, as long an answer, or as many answers and
    pictures as it takes to cost more than an amount."""
    yield witness
    now = witness.now

    def enough(**fields: int) -> Iterator[Witness]:
        """The request with the lowest value of one field up to a number that costs more."""
        ((name, highest),) = fields.items()
        lowest = getattr(witness.request, name) or 0

        def costs(value: int) -> bool:
            cost = model.estimate(_with(witness.request, name, value), now)
            return cost is not None and cost > most

        value = lowest + bisect_left(range(lowest, highest + 1), True, key=costs)
        if value <= highest:
            yield replace(witness, request=_with(witness.request, name, value))

    yield from enough(tokens=_tokens(space, part))
    if MAX_TOKENS not in {d.fact for d in space.dimensions}:
        yield from enough(max_tokens=MOST)
    if witness.request.answers:
        yield from enough(answers=_ANSWERS)
    if model.price is not None and model.price.image:
        yield from enough(pictures=_PICTURES)


def _with(request: Request, name: str, value: int) -> Request:
    changed: dict[str, Any] = {name: value}
    return replace(request, **changed)


def _tokens(space: Space, part: Box) -> int:
    """The most tokens of a request in a box."""
    for position, dimension in enumerate(space.dimensions):
        if dimension.fact == TOKENS:
            return highest_number(dimension, part.get(position, dimension.live) & dimension.live)
    return MOST


def highest_cost(policy: Policy, space: Space, model: Model, part: Box) -> int:
    """More than any request in a box is estimated to cost, or as much, in nano-USD.

    Args:
        policy: The policy.
        space: The space of the box.
        model: The model, whose price is known.
        part: The box.
    """
    if model.price is None:
        return MOST * MOST
    prompts = [prompt for prompt in policy.prompts if model.name in prompt.models]
    tokens, output = _tokens(space, part), MOST
    for position, dimension in enumerate(space.dimensions):
        if dimension.fact == MAX_TOKENS:
            cells = part.get(position, dimension.live) & dimension.live
            present = cells & (1 << dimension.size - 1) - 1
            output = max(TYPICAL_OUTPUT, highest_number(dimension, present) if present else 0)
    if model.context is not None and EMBEDDINGS not in model.abilities:
        tokens, output = min(tokens, model.context), min(output, max(model.context, TYPICAL_OUTPUT))
    caps = [model.fixed_output, *(p.max_tokens for p in prompts)]
    output = max(output, *(cap or 0 for cap in caps))
    tokens += max([0, *(prompt.tokens for prompt in prompts)])
    highest = 0
    for price in model.price.within(None, 0):
        for rates in (price, *(long for _, long in price.long)):
            total = tokens * rates.input + output * _ANSWERS * rates.output
            cost = -(-total // 1_000_000) + price.fee + price.fees
            highest = max(highest, cost + 2 * MOST * price.image)
    return highest
