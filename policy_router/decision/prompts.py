"""Which prompt of the policy each model gets with a request.

The conditions of the prompts are boxes in a space of requests, as those of the rules are, so that
the time does not grow with their number. What a set of matching boxes means for the models is
worked out once and kept by the index.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.decision.bitset import bits
from policy_router.decision.lookup import BoxLookup
from policy_router.decision.space import Space, boxes_of
from policy_router.domain.effort import Effort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.space import Box
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.experiments import Experiment
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.json_value import JsonValue
    from policy_router.domain.models import Model
    from policy_router.domain.prompts import Prompt
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot

_EFFORT: Final = "reasoning_effort"


class PromptIndex:
    """The prompts of one policy, prepared for lookups.

    Attributes:
        matching: Gives the boxes of the prompts that a vector of facts lies in.
        reads: Names of the facts that the conditions read.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        vocabulary: Vocabulary,
        bands: Sequence[Band],
    ) -> None:
        space = Space(vocabulary, bands, [p.when.tree for p in prompts if p.when is not None])
        patterns = {i for i, d in enumerate(space.dimensions) if d.is_pattern}
        conditions: dict[int, Callable[[Facts], bool]] = {}
        boxes: list[Box] = []
        self._prompts = tuple(prompts)
        self._owners: list[int] = []
        for number, prompt in enumerate(prompts):
            own, exact = boxes_of(space, prompt.when, patterns)
            for box in own:
                if not exact and prompt.when is not None:
                    conditions[len(boxes)] = prompt.when.holds
                boxes.append({d: cells for d, cells in box.items() if d not in patterns})
                self._owners.append(number)
        self.matching = BoxLookup(space.dimensions, boxes, patterns, conditions).matching
        self.reads = frozenset[str]().union(*(p.when.reads for p in prompts if p.when is not None))

    def models_with(
        self, models: Sequence[Model], boxes: int, preferred: Sequence[str] = ()
    ) -> tuple[Model, ...]:
        """The models, each with the prompt that it gets; those that get none as they are.

        Args:
            models: The models of the policy.
            boxes: What `matching` gave for the request.
            preferred: Names of prompts that go before the others whose conditions hold, most
                important first: those that the arms of experiments choose.
        """
        order = [self._prompts[i] for i in sorted({self._owners[box] for box in bits(boxes)})]
        if preferred:
            rank = {name: i for i, name in enumerate(preferred)}
            order.sort(key=lambda prompt: rank.get(prompt.name, len(rank)))
        chosen: dict[str, Prompt] = {}
        for prompt in order:
            for name in prompt.models:
                chosen.setdefault(name, prompt)
        return tuple(with_prompt(m, chosen[m.name]) if m.name in chosen else m for m in models)


def chosen_prompts(
    experiments: Sequence[Experiment], situation: Situation, snapshot: Snapshot
) -> tuple[str, ...]:
    """The prompts that the arms choose which a request was drawn into, in the order of the arms;
    one that several of them choose is there once."""
    chosen = []
    for assignment in snapshot.arms:
        for experiment in experiments:
            if experiment.name != assignment.experiment:
                continue
            arm, when = experiment.arm(assignment.arm), experiment.when
            applies = when is None or when.holds(situation.facts)
            if arm is not None and arm.prompt is not None and applies:
                chosen.append(arm.prompt)
    return tuple(dict.fromkeys(chosen))


def with_prompt(model: Model, prompt: Prompt) -> Model:
    """A model as it is called with a prompt.

    The parameters of a prompt with `force` replace those of the model, which replace those of the
    caller; the others come after both, and before the `defaults` of the model.
    """
    if not prompt.force:
        defaults = _both(model.defaults, prompt.params)
        cap = model.default_output if prompt.max_tokens is None else prompt.max_tokens
        return replace(model, prompt=prompt, defaults=defaults, default_output=cap)
    effort = prompt.params.get(_EFFORT)
    return replace(
        model,
        prompt=prompt,
        params=_both(model.params, {k: v for k, v in prompt.params.items() if k != _EFFORT}),
        fixed_output=model.fixed_output if prompt.max_tokens is None else prompt.max_tokens,
        effort=model.effort if effort is None else Effort(str(effort)),
    )


def _both(less: Mapping[str, JsonValue], more: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    return MappingProxyType({**less, **more})
