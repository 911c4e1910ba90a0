"""Compares two policies for all requests, and finds where their decisions differ.

    compared = compare(old, new)
    compared.equal                  # proved: the same models in the same order for every request
    compared.regions                # or where not, each with a request that was decided by both

What is compared is what a policy allows: the candidates of a request that is valid for both and
states no constraint of the caller, whatever the state of the world. What can only take away or
reorder for a time, such as the cap of a budget, is listed as a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policy_router.assurance.alias_changes import AliasChanges
from policy_router.assurance.clock_changes import ClockChanges
from policy_router.assurance.cost_changes import cost_rises, is_rise
from policy_router.assurance.disclosures import disclosure_of, models_that_see
from policy_router.assurance.model_changes import ModelChanges
from policy_router.assurance.order_changes import OrderChanges
from policy_router.assurance.policy_pair import Pair
from policy_router.assurance.promises import ProofVerdict
from policy_router.assurance.set_changes import SetChanges
from policy_router.assurance.settings import Setting, changed_settings
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policy_router.assurance.promises import Proof
    from policy_router.assurance.region import Region
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Space


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """How two policies differ.

    Attributes:
        old: The old policy.
        new: The new policy.
        regions: Where the set or the order of the models differs.
        more: Whether there are more regions than are looked for.
        settings: What else differs: names, limits, what happens after a failure and the like.
        doubts: Why some request may be decided differently although no region shows it.
        rises: Requests whose first model costs more than before, besides those of `regions`.
        sets_open: Whether some request may reach more or fewer models although no region shows it.
        space: The space of the boxes of regions; None where the policies are the same.
    """

    old: Policy
    new: Policy
    regions: tuple[Region, ...]
    more: bool
    settings: tuple[Setting, ...]
    doubts: tuple[str, ...]
    space: Space | None = None
    rises: tuple[Region, ...] = ()
    sets_open: bool = False

    @property
    def equal(self) -> bool:
        """Whether it is proved that both decide alike for all requests."""
        return not self.regions and not self.doubts and not self.more

    @property
    def widens(self) -> bool:
        """Whether a request may reach a model that it could not reach before."""
        return any(region.shown.gained for region in self.regions)

    @property
    def costs_more(self) -> bool:
        """Whether the first model of a request costs more than before."""
        return bool(self.rises) or any(is_rise(region.shown) for region in self.regions)

    @property
    def may_widen(self) -> bool:
        """Whether it is not proved that every request reaches only models that it could reach
        before."""
        return self.widens or self.sets_open or self.more

    @property
    def may_cost_more(self) -> bool:
        """Whether a request was found that costs more, or what decides that is open."""
        return self.costs_more or bool(self.doubts) or self.more


def compare(old: Policy, new: Policy, cancelled: Poll = never) -> PolicyDiff:
    """Compare what two policies allow, and in which order, for all requests at once.

    Args:
        old: The old policy.
        new: The new policy.
        cancelled: Polled during searches, which raise Cancelled when it returns True.
    """
    settings = tuple(changed_settings(old, new))
    if old.revision == new.revision and old == new:
        return PolicyDiff(old, new, (), more=False, settings=settings, doubts=())
    pair = Pair(old, new, cancelled)
    takes = replace(
        old, vocabulary=pair.facts.vocabulary, rules=(), tasks=(), bands=(), limits=(), prompts=(),
        experiments=(),
    )  # fmt: skip
    sets = SetChanges(pair, takes)
    sets.run()
    models = ModelChanges(pair, takes, sets.regions)
    aliases = AliasChanges(pair, takes)
    clock = ClockChanges(pair, takes)
    order = OrderChanges(pair, takes)
    if not sets.full:
        models.run()
        aliases.run()
        clock.run()
        order.run()
    regions = _told_once(
        (*sets.regions, *models.regions, *order.regions, *aliases.regions, *clock.regions)
    )
    of_sets = (
        *sets.doubts, *models.doubts, *aliases.doubts, *clock.doubts, *_of_disclosure(old, new),
    )  # fmt: skip
    return PolicyDiff(
        old, new, regions, sets.full, settings, tuple(dict.fromkeys((*of_sets, *order.doubts))),
        pair.space, tuple(cost_rises(pair, takes, regions)), bool(of_sets),
    )  # fmt: skip


def _told_once(regions: Iterable[Region]) -> tuple[Region, ...]:
    """The regions without those that tell the same of the same requests: one that has several
    causes names each of them."""
    by_place: dict[str, list[tuple[Region, list[str]]]] = {}
    for region in regions:
        alike = by_place.setdefault(region.where, [])
        causes = next((causes for other, causes in alike if other.shown == region.shown), None)
        if causes is None:
            alike.append((region, [region.cause]))
        elif region.cause not in causes:
            causes.append(region.cause)
    every = [pair for alike in by_place.values() for pair in alike]
    return tuple(replace(region, cause=" and ".join(causes)) for region, causes in every)


def _of_disclosure(old: Policy, new: Policy) -> Iterator[str]:
    """Models that see requests as judges or estimators, perhaps not those that they saw before."""
    for name in sorted(models_that_see(new)):
        if name not in old.models_by_name or disclosure_of(old, name) != disclosure_of(new, name):
            yield (
                f"whether `{name}` sees more requests than before, as a judge of answers or to "
                "estimate the complexity; a promise with `never` is proved for these as well"
            )


def broken_promises(old: Sequence[Proof], new: Sequence[Proof]) -> tuple[Proof, ...]:
    """The promises that the new policy breaks and the old one keeps or does not make.

    Args:
        old: What is known about the promises of the old policy.
        new: The same of the new policy.
    """
    before = {(p.invariant.name, p.promise) for p in old if p.verdict is ProofVerdict.BROKEN}
    return tuple(
        proof
        for proof in new
        if proof.verdict is ProofVerdict.BROKEN
        and (proof.invariant.name, proof.promise) not in before
    )
