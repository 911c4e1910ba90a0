"""Where two policies exclude a model by something that requests ask of it.

The conditions of the policies are compared box by box. What a request asks of a model beyond what
these conditions read is not: an ability that no condition names, the size of the request next to
the context and the prompts of the model, what it costs next to a `max_cost`, tools that run at the
provider. Where both policies know the same about a model, they exclude it alike. Otherwise requests
at the edges of what either knows are decided by both.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.assurance.change_search import ChangeSearch
from policy_router.assurance.cover import GaveUp
from policy_router.assurance.demands import answers_chat
from policy_router.assurance.model_traits import prompts_of
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.region_wording import spell_box
from policy_router.assurance.set_changes import search
from policy_router.assurance.spending import highest_cost
from policy_router.assurance.values import MOST
from policy_router.decision.abilities import EMBEDDINGS, HOSTED_TOOLS
from policy_router.domain.condition import MAX_TOKENS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policy_router.assurance.policy_pair import Pair
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Tree
    from policy_router.domain.models import Model

    Variants = Callable[[str, Witness], Iterator[Witness]]

_LONG: Final = 100_000
"""A cap on the answer that is higher than most."""
_READ: Final = frozenset({"tools", "vision", "json"})
"""Abilities that conditions read, so that requests for them are told apart by their boxes."""
_GROWING: Final = {"tokens": MOST, "max_tokens": MOST, "answers": 1_024, "pictures": 1_000}
"""What makes a request cost more, with the most that a valid one has of it."""


class ModelChanges(ChangeSearch):
    """The search for requests that only one policy lets a model answer, by what they ask of it."""

    def __init__(self, pair: Pair, takes: Policy, regions: Sequence[Region]) -> None:
        """Prepare the search.

        Args:
            pair: The policies.
            takes: A policy with the common vocabulary, which requests are made for.
            regions: The regions that are known.
        """
        super().__init__(pair, takes)
        self._known = {
            (region.cause, name, which)
            for region in regions
            for which, names in enumerate((region.shown.gained, region.shown.lost))
            for name in names
        }

    def run(self) -> None:
        """Look at each model that both policies have."""
        pair = self._pair
        old, new = pair.policies
        for name, before in old.models_by_name.items():
            after = new.models_by_name.get(name)
            if after is None:
                continue
            chat = answers_chat(before) != answers_chat(after)
            sizes = pair.sizes[0][name] != pair.sizes[1][name]
            if chat or (before.abilities ^ after.abilities) - _READ:
                self._ask("the abilities of the model", name, [None], self._needing)
            if sizes:
                self._ask("the context of the model", name, places_of(pair, name), self._sized)
            one, other = map(set, pair.bounds)
            changed = one | other if sizes or before.price != after.price else one ^ other
            changed = {bound for bound in changed if self._may_exceed(name, bound.most)}
            if changed:
                places = [bound.where for own in pair.bounds for bound in own if bound in changed]
                self._ask("`max_cost`", name, places, self._priced)
            if all(name in own for own in pair.closed):
                closed = [own[name] for own in pair.closed]
                if set(closed[0]) != set(closed[1]):
                    cause = "the tools that run at the provider"
                    self._ask(cause, name, [None, *closed[0], *closed[1]], self._hosting)

    def _may_exceed(self, name: str, most: int) -> bool:
        """Whether a request may cost more than an amount with a model, under either policy."""
        space = self._pair.space
        return any(
            highest_cost(policy, space, model, {}) > most
            for policy, model in zip(self._pair.policies, self._models(name), strict=True)
        )

    def _ask(
        self, cause: str, name: str, places: Sequence[Tree | None], variants: Variants
    ) -> None:
        """Whether a request that lies in one of some places shows a difference."""
        found = [
            self._found(cause, name, places, variants, which)
            for which in (0, 1)
            if (cause, name, which) not in self._known
        ]
        if len(found) == 2 and not any(found) and self._is_open(name, places):
            self.doubts[f"{cause} may matter to `{name}`"] = None

    def _found(
        self,
        cause: str,
        name: str,
        places: Sequence[Tree | None],
        variants: Variants,
        which: int,
    ) -> bool:
        """Whether a request is found that only the other policy than `which` lets the model
        answer."""
        pair = self._pair
        target = pair.policies[1 - which].models_by_name[name]

        def flips(witness: Witness) -> Replay | None:
            for tried in variants(name, witness):
                made = replay(*pair.policies, tried)
                if made is not None and name in (made.lost if which else made.gained):
                    return made
            return None

        for box in self._boxes(places):
            try:
                made = search(pair, self._takes, box, self._excluding(name), flips, target=target)
            except GaveUp:
                continue
            if made is not None:
                self.regions.append(Region(cause, self._spell(box, made), made, box))
                return True
        return False

    def _excluding(self, name: str) -> int:
        """The boxes in which either policy surely excludes a model."""
        at = self._pair.names.index(name)
        return self._pair.removers[0][at] | self._pair.removers[1][at]

    def _is_open(self, name: str, places: Sequence[Tree | None]) -> bool:
        """Whether both policies may let a model answer some request in these places."""
        cover, excluding = self._pair.cover, self._excluding(name) | self._pair.impossible
        try:
            return any(cover.uncovered(box, excluding) is not None for box in self._boxes(places))
        except GaveUp:
            return True

    def _boxes(self, places: Sequence[Tree | None]) -> Iterator[Box]:
        for where in dict.fromkeys(places):
            numbers = self._pair.boxes_of(where)
            if numbers is None:
                yield {}
            else:
                yield from (self._pair.cover.boxes[number] for number in numbers)

    def _spell(self, box: Box, made: Replay) -> str:
        """Which requests show it, in plain words."""
        space, request = self._pair.space, made.witness.request
        read = {dimension.fact for dimension in space.dimensions}
        parts = [f"need of `{need}`" for need in sorted(request.needs)]
        if request.tokens and TOKENS not in read:
            parts.append(f"{request.tokens:,} tokens")
        if request.max_tokens is not None and MAX_TOKENS not in read:
            parts.append(f"an answer of {request.max_tokens:,} tokens")
        own = [] if parts and not box else [spell_box(space, box)]
        return " and ".join([*own, *parts])

    # -- requests at the edges ---------------------------------------------------------------

    def _models(self, name: str) -> tuple[Model, Model]:
        old, new = self._pair.policies
        return old.models_by_name[name], new.models_by_name[name]

    def _needing(self, name: str, witness: Witness) -> Iterator[Witness]:
        """The request, and the same with each ability that either policy knows of the model."""
        before, after = self._models(name)
        changed = before.abilities ^ after.abilities
        usable = changed - _READ
        if answers_chat(before) != answers_chat(after):
            yield witness
            usable |= before.abilities | after.abilities
        for ability in sorted(usable, key=lambda each: (each not in changed, each)):
            needs = frozenset({ability, *witness.request.needs})
            inputs: dict[str, Any] = {}
            if EMBEDDINGS in needs:
                inputs = {"answers": 0, "largest_input": min(witness.request.tokens, 1)}
            yield replace(witness, request=replace(witness.request, needs=needs, **inputs))

    def _sized(self, name: str, witness: Witness) -> Iterator[Witness]:
        """The request with as many tokens as just fit, and one more."""
        rooms = set()
        for which, model in enumerate(self._models(name)):
            if model.context is None:
                continue
            prompts = prompts_of(self._pair.policies[which], name)
            added = {0, *(prompt.tokens for prompt in prompts)}
            caps = {0, 1, model.fixed_output or 0, *(p.max_tokens or 0 for p in prompts)}
            rooms |= {model.context - a - c for a in added for c in caps}
        for tokens in sorted({max(0, room + more) for room in rooms for more in (0, 1)}):
            for cap in (witness.request.max_tokens, 1):
                yield _sized(witness, tokens=tokens, max_tokens=cap)
        for cap in (_LONG, MOST):
            yield _sized(witness, max_tokens=cap)
        largest = replace(witness.request, largest_input=MOST, answers=0)
        if EMBEDDINGS in self._models(name)[0].abilities:
            needs = frozenset({EMBEDDINGS, *largest.needs})
            for tokens in sorted({m.context or 0 for m in self._models(name)}):
                sized = replace(largest, needs=needs, tokens=tokens + 1, largest_input=tokens + 1)
                yield replace(witness, request=sized)

    def _priced(self, name: str, witness: Witness) -> Iterator[Witness]:
        """The request with as many tokens, or as long an answer, as a bound just allows."""
        yield witness
        most = sorted({bound.most for own in self._pair.bounds for bound in own})
        for which, model in enumerate(self._models(name)):
            if model.price is None:
                continue
            prompts = prompts_of(self._pair.policies[which], name)
            heard = [model, *(replace(model, prompt=prompt) for prompt in prompts)]
            for each in heard:
                for bound in most:
                    for field in _GROWING:
                        yield from _at_bound(each, witness, field, bound)

    def _hosting(self, _: str, witness: Witness) -> Iterator[Witness]:
        needs = frozenset({HOSTED_TOOLS, *witness.request.needs})
        yield replace(witness, request=replace(witness.request, needs=needs))


def places_of(pair: Pair, name: str) -> list[Tree | None]:
    """Where prompts of a model apply, and everywhere.

    Args:
        pair: The policies, which know something else of the room in the model.
        name: The name of the model.
    """
    heard = [where for own in pair.sizes for where, *_ in own[name].prompts]
    return list(dict.fromkeys([None, *heard]))


def _at_bound(model: Model, witness: Witness, field: str, bound: int) -> Iterator[Witness]:
    """The request with the highest value of a field that costs no more than a bound, and the next
    one."""

    def costs_more(value: int) -> bool:
        cost = model.estimate(_sized(witness, **{field: value}).request, witness.now)
        return cost is not None and cost > bound

    lowest, highest = int(field in {"max_tokens", "answers"}), _GROWING[field]
    if not costs_more(highest):
        return
    first = lowest + bisect_left(range(lowest, highest), True, key=costs_more)
    for value in {max(lowest, first - 1), first}:
        yield _sized(witness, **{field: value})


def _sized(witness: Witness, **fields: int | None) -> Witness:
    changed: dict[str, Any] = dict(fields)
    if fields.get("pictures"):
        changed["needs"] = frozenset({"vision", *witness.request.needs})
    return replace(witness, request=replace(witness.request, **changed))
