"""band-too-high: in a band, models below its floor are as good as those above, and cheaper.

Such calls come from experiments, or from times when no model of the required tier could answer.
Only judges and people count, and only within the band: that a model is good at easier requests says
little. The floor is lowered to the lowest tier that is shown to be as good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.language.write.text_edit import apply
from policy_router.language.write.yaml_edit import EditableFile, compiled
from policy_router.suggestions.alike import alike_costs
from policy_router.suggestions.judged import as_good
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.complexity import Band
    from policy_router.language.write.text_edit import TextEdit
    from policy_router.suggestions.observed import Observed

KIND: Final = "band-too-high"


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each band."""
    for band in observed.policy.bands:
        found = (_compared(observed, band, rank) for rank in range(band.min_tier or 0))
        suggested = next((each for each in found if each is not None), None)
        if suggested is not None:
            yield suggested


def _compared(observed: Observed, band: Band, rank: int) -> Suggestion | None:
    """Why models of a tier below the floor will do; None where that is not shown."""
    policy = observed.policy
    tier, floor = policy.tiers[rank], policy.tiers[band.min_tier or 0]
    weak = {each.name for each in policy.models if each.tier == tier}
    strong = {m.name for m in policy.models if policy.tiers.index(m.tier) >= (band.min_tier or 0)}
    low, high = observed.in_band(band.name, weak), observed.in_band(band.name, strong)
    shown, costs = as_good(low, high, policy.learning.min_samples), alike_costs(low, high)
    if shown is None or costs is None or costs[0] >= costs[1]:
        return None
    evidence = SuggestionEvidence(
        f"judges and people accepted {shown.one:.1%} of {shown.one_samples:,} answers of models of "
        f"tier `{tier}` in this band, {shown.other:.1%} of {shown.other_samples:,} from `{floor}` "
        f"on ({shown.gap})",
        shown.samples,
        shown.gap,
    )
    sentence = f"lower `min_tier` of band `{band.name}` to `{tier}`"
    effect = f"saves about {spell_usd(round(costs[1] - costs[0]))} per request"
    return Suggestion(KIND, sentence, evidence, effect, _lowered(observed, band, rank))


def _lowered(observed: Observed, band: Band, rank: int) -> tuple[TextEdit, ...]:
    """The checked edits that lower the floor of a band; none where it cannot be written."""
    name = "" if band.span is None else band.span.file
    file = EditableFile(name, observed.sources.get(name, ""))
    path = ("complexity", "bands", band.name)
    edits = file.with_value(path, "min_tier", observed.policy.tiers[rank])
    changed = compiled(apply(edits, observed.sources)) if edits else None
    lowered = replace(band, min_tier=rank)
    bands = tuple(lowered if each.name == band.name else each for each in observed.policy.bands)
    wanted = replace(observed.policy, bands=bands, revision="")
    return edits if changed is not None and replace(changed, revision="") == wanted else ()
