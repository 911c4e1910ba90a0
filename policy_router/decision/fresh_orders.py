"""The order of the models where keys have values of the moment; it is sorted for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.bitset import bits
from policy_router.decision.sort_keys import WORDS, WRITTEN, sort_value
from policy_router.domain.decision import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.fixed_places import First, FixedPlaces
    from policy_router.domain.ordering import SortKey


def candidates_by(  # noqa: PLR0917  what a decision has worked out by then
    places: FixedPlaces,
    allowed: int,
    floor: int,
    first: First,
    prefer: tuple[SortKey, ...],
    tokens: int,
    output: int,
    values: Mapping[SortKey, Sequence[float]],
) -> tuple[Candidate, ...]:
    """The allowed models in order, each with what gives it its place.

    Args:
        places: The places that no key gives.
        allowed: The allowed models (bit i: model i).
        floor: Rank of the lowest tier that is wanted.
        first: What is put first.
        prefer: The sort keys.
        tokens: Input tokens.
        output: Output tokens, as estimated.
        values: Of keys with values of the moment, one number for each model; smaller comes first.
            The values of other keys are those of `sort_value`.
    """
    models = places.models
    weak = allowed & places.below[floor]
    ordered, keyed = places.put_first(first, allowed ^ weak)
    rows = {
        i: tuple(
            values[key][i] if key in values else sort_value(key, models[i], tokens, output)
            for key in prefer
        )
        for i in bits(keyed | weak)
    }
    order = sorted(bits(keyed), key=rows.__getitem__)
    if len(order) == 1:
        after_first, before_weak = bool(ordered), bool(weak)
        model = models[order[0]]
        ordered.append(places.lone(model, floor, after_first=after_first, before_weak=before_weak))
    else:
        for position, i in enumerate(order):
            pairs = zip(prefer, rows[i], rows[order[position - 1 if position else 1]], strict=True)
            key = next((k for k, here, there in pairs if here != there), None)
            words = (key.value, WORDS[key][position > 0]) if key else (WRITTEN, WRITTEN)
            ordered.append(Candidate(models[i], *words))
    stepping = places.stepping[floor]
    ordered += [stepping[i] for i in sorted(bits(weak), key=lambda i: (-models[i].rank, rows[i]))]
    return tuple(ordered)
