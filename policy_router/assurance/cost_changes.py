"""Requests whose first model costs more than before.

Where a price, a cap on answers or a prompt changes, the same model may cost more. Where other
models may answer, or in another order, another one comes first, and which requests of such a region
cost more depends on their size and on the time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.model_changes import places_of
from policy_router.assurance.price_times import PriceTimes
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.region_wording import spell_box
from policy_router.assurance.set_changes import search
from policy_router.assurance.values import MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policy_router.assurance.policy_pair import Pair
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.models import Model

    Rises = Callable[[Box, Witness], Replay | None]

_SIZES: Final[tuple[dict[str, Any], ...]] = (
    {}, *({"tokens": tokens} for tokens in (20, 1_000, 100_000, MOST)),
    *({"tokens": tokens, "max_tokens": 1} for tokens in (1, 50, 1_000)),
    *({"max_tokens": cap} for cap in (1, 1_000, MOST)),
    {"pictures": 1, "needs": frozenset({"vision"})},
)  # fmt: skip
"""Sizes that are tried: short and long inputs and answers, and a picture."""
_NEEDS: Final = 8
"""Abilities that are tried as needs of a request: each excludes the models without it."""
_MODELS: Final = 6
"""Models that are tried in one region."""


def cost_rises(pair: Pair, takes: Policy, known: Sequence[Region]) -> Iterator[Region]:
    """Yield a request for each model and each region that costs more, if one is found.

    Requests that no model could answer before do not count.

    Args:
        pair: The policies.
        takes: A policy with the common vocabulary, which requests are made for.
        known: The regions that are known; those whose example costs more are left out.
    """
    old, new = pair.policies
    models = [model for policy in pair.policies for model in policy.models]
    times = PriceTimes(pair.space, old.timezone, models)
    needs = _needs(models)

    def rises(box: Box, witness: Witness) -> Replay | None:
        for now in times.of(box, witness.now)[0]:
            request = witness.request
            tried = [replace(request, **fields) for fields in _SIZES]
            tried += [replace(request, needs=request.needs | {ability}) for ability in needs]
            for request in tried:
                made = replay(old, new, replace(witness, request=request, now=now))
                if made is not None and made.before and is_rise(made):
                    return made
        return None

    for region in known:
        if region.box is not None and not is_rise(region.shown):
            made = rises(region.box, region.shown.witness) or _inside(
                pair, takes, region.box, rises
            )
            if made is not None:
                yield Region(region.cause, region.where, made, region.box)
    for name, before in old.models_by_name.items():
        after = new.models_by_name.get(name)
        if after is None:
            continue
        same = before.price == after.price and pair.sizes[0][name] == pair.sizes[1][name]
        made = None if same else _of_model(pair, takes, name, rises)
        if made is not None:
            yield Region(f"the cost of `{name}`", spell_box(pair.space, {}), made, {})


def _needs(models: Sequence[Model]) -> list[str]:
    """Abilities that some of the models lack."""
    some = frozenset().union(*(model.abilities for model in models))
    return sorted(a for a in some if any(a not in model.abilities for model in models))[:_NEEDS]


def _inside(pair: Pair, takes: Policy, box: Box, rises: Rises) -> Replay | None:
    """A request of a region that costs more, with one of the models that are not free."""

    def accepts(witness: Witness) -> Replay | None:
        return rises(box, witness)

    for model in [each for each in pair.policies[1].models if not each.free][:_MODELS]:
        excluding = pair.removers[1][pair.names.index(model.name)]
        try:
            made = search(pair, takes, box, excluding, accepts, target=model)
        except GaveUp:
            continue
        if made is not None:
            return made
    return None


def _of_model(pair: Pair, takes: Policy, name: str, rises: Rises) -> Replay | None:
    """A request that costs more with a model: one that leaves the choice open, else one that asks
    for the model by name."""
    number = pair.names.index(name)
    excluding = pair.removers[0][number] | pair.removers[1][number]
    target = pair.policies[1].models_by_name[name]

    def plain(witness: Witness) -> Replay | None:
        return rises({}, witness)

    def by_name(witness: Witness) -> Replay | None:
        return rises({}, replace(witness, request=replace(witness.request, model=name)))

    numbers = [n for where in places_of(pair, name) for n in pair.boxes_of(where) or ()]
    for accepts in (plain, by_name):
        for box in [pair.cover.boxes[number] for number in numbers]:
            try:
                made = search(pair, takes, box, excluding, accepts, target=target)
            except GaveUp:
                continue
            if made is not None:
                return made
    return None


def is_rise(made: Replay) -> bool:
    """Whether the first model of a request costs more than before, or its price became unknown."""
    if made.cost_after is None:
        return made.cost_before is not None and bool(made.after)
    return made.cost_after > (made.cost_before or 0)
