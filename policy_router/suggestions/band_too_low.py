"""band-too-low: in a band, many first answers are rejected and asked again of a stronger model.

More than 30 % of them for sure, and models of a higher tier must pass more often for sure. The
floor of the band is then raised to the tier above that of the model that mostly went first. The
models of the band stay the same or become fewer, never others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.decide import decide
from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.experience.intervals import wilson
from policy_router.language.write.text_edit import apply
from policy_router.language.write.yaml_edit import EditableFile, compiled
from policy_router.suggestions.alike import alike_shares
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.complexity import Band
    from policy_router.language.write.text_edit import TextEdit
    from policy_router.suggestions.observed import Observed

KIND: Final = "band-too-low"
MANY: Final = 0.3
"""The share of rejected first answers above which it pays to call a stronger model right away."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each band."""
    for band in observed.policy.bands:
        floor = _wanted_floor(observed, band)
        if floor is not None:
            yield from _suggested(observed, band, floor)


def _wanted_floor(observed: Observed, band: Band) -> int | None:
    """The rank of the tier above that of the model that mostly goes first; None for no change."""
    ranks = _ranks(observed.policy)
    calls = {
        name: total(observed.in_band(band.name, {name}, {Role.FIRST}).values()).calls
        for name in ranks
    }
    most = max(calls, key=lambda name: calls[name])
    floor = min((rank for rank in ranks.values() if rank > ranks[most]), default=None)
    return floor if floor is not None and floor > (band.min_tier or 0) else None


def _ranks(policy: Policy) -> dict[str, int]:
    """The rank of each model's tier, by the model's name."""
    return {model.name: policy.tiers.index(model.tier) for model in policy.models}


def _suggested(observed: Observed, band: Band, floor: int) -> Iterator[Suggestion]:
    policy, least = observed.policy, observed.policy.learning.min_samples
    ranks = _ranks(policy)
    weak = {name for name, rank in ranks.items() if rank < floor}
    strong = ranks.keys() - weak
    firsts = observed.in_band(band.name, weak, {Role.FIRST})
    others = observed.in_band(band.name, strong)
    first, other = total(firsts.values()), total(others.values())
    after = total(observed.in_band(band.name, strong, {Role.AFTER_REJECTION}).values())
    escalated = wilson(min(first.rejected, after.calls), first.answered)
    shares = alike_shares(others, firsts, OutcomeCounts.success, len(policy.bands))
    if escalated is None or shares is None:
        return
    samples = min(escalated.samples, shares.one_samples)
    if samples < least or escalated.low <= MANY or shares.gap.low <= 0:
        return
    tier = policy.tiers[floor]
    evidence = SuggestionEvidence(
        f"{escalated.value:.1%} of {escalated.samples:,} first answers were rejected and asked "
        f"again of a stronger model (95 % interval {escalated.low:.1%} to {escalated.high:.1%}); "
        f"models from `{tier}` on passed in {shares.one:.1%} of {shares.one_samples:,} calls "
        f"({shares.gap})",
        samples,
        shares.gap,
    )
    sentence = f"raise `min_tier` of band `{band.name}` to `{tier}`"
    effect = _effect(first, other, escalated.value)
    yield Suggestion(KIND, sentence, evidence, effect, _raised(observed, band, floor))


def _effect(first: OutcomeCounts, other: OutcomeCounts, escalated: float) -> str | None:
    cheap, expensive = first.mean_cost(), other.mean_cost()
    if expensive is None:
        return None
    now = spell_usd(round((cheap or 0.0) + escalated * expensive))
    return f"such a request costs about {spell_usd(round(expensive))} on average, not {now} as now"


def _raised(observed: Observed, band: Band, floor: int) -> tuple[TextEdit, ...]:
    """The checked edits that raise the floor of a band; none where it cannot be written."""
    name = "" if band.span is None else band.span.file
    file = EditableFile(name, observed.sources.get(name, ""))
    path = ("complexity", "bands", band.name)
    tier = observed.policy.tiers[floor]
    edits = file.with_value(path, "min_tier", tier)
    changed = compiled(apply(edits, observed.sources)) if edits else None
    if changed is None or not _only_raises(observed.policy, changed, replace(band, min_tier=floor)):
        return ()
    return edits


def _only_raises(before: Policy, after: Policy, raised: Band) -> bool:
    """Whether a policy is another one with a higher floor of one band, and keeps to it.

    Where no model of that tier may answer, models below it step in, so the floor has no effect.
    """
    bands = tuple(raised if band.name == raised.name else band for band in before.bands)
    if replace(before, bands=bands, revision="") != replace(after, revision=""):
        return False
    request = Request(complexity=raised.name)
    old, new = ([c.name for c in decide(each, request).candidates] for each in (before, after))
    leads = bool(new) and _ranks(after)[new[0]] >= (raised.min_tier or 0)
    return leads and set(new) <= set(old)
