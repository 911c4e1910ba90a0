"""The order of the models where sort keys have dynamic values: sorted anew for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from policy_router.decision.bitset import bits
from policy_router.decision.order.sort_keys import WRITTEN, sort_value, words_of
from policy_router.domain.decision import Candidate
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from policy_router.decision.order.fixed_places import First, FixedPlaces
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey

Note: TypeAlias = "Callable[[OrderKey, int], str | None]"
"""Says what a key sorts a model by, given its position."""


def sorted_candidates(  # noqa: PLR0917  what a decision has worked out by then
    places: FixedPlaces,
    allowed: int,
    floor: int,
    first: First,
    prefer: tuple[OrderKey, ...],
    tokens: int,
    output: int,
    values: Mapping[OrderKey, Sequence[float]],
    note: Note | None = None,
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
        values: For each key with dynamic values, one number for each model; smaller comes first.
            The values of other keys are those of `sort_value`.
        note: Called with a key and the position of a model that it places; returns what its value
            is and where that comes from, as text for people, or None.
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
    stepping = sorted(bits(weak), key=lambda i: (-models[i].rank, rows[i]))
    put = {upstream_of(c.model): c.name for c in ordered}
    if SortKey.SAME_MODEL in prefer:
        at = prefer.index(SortKey.SAME_MODEL)
        groups = _groups([*put, *(upstream_of(models[i]) for i in (*order, *stepping))])
        for i, row in rows.items():
            rows[i] = (*row[:at], groups[upstream_of(models[i])], *row[at + 1 :])
        order.sort(key=rows.__getitem__)
        stepping.sort(key=lambda i: (-models[i].rank, rows[i]))
    if len(order) == 1:
        model = models[order[0]]
        ordered.append(places.lone(model, floor, after_first=bool(put), before_weak=weak != 0))
    else:
        for position, i in enumerate(order):
            other = order[position - 1 if position else 1]
            pairs = zip(prefer, rows[i], rows[other], strict=True)
            apart = [key for key, here, there in pairs if here != there]
            model, same_as = models[i], models[other].name
            if not position:
                same_as = put.get(upstream_of(model), "")
            key, detail = _words(prefer, apart, position > 0, same_as)
            text = note(apart[0], i) if note and apart and apart[0].value == key else None
            ordered.append(Candidate(model, key, f"{detail}: {text}" if text else detail))
    ordered += [places.stepping[floor][i] for i in stepping]
    return tuple(ordered)


def upstream_of(model: Model) -> str:
    """What a model has in common with the same model at other providers, and with no other."""
    return f"={model.name}" if model.upstream is None else model.upstream


def _groups(upstream: Iterable[str]) -> dict[str, int]:
    """A number for each model of several providers, in order of first appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(upstream))}


def _words(
    prefer: tuple[OrderKey, ...], apart: Sequence[OrderKey], follows: bool, same_as: str
) -> tuple[str, str]:
    """The key that gives a model its place, and the words for it.

    Args:
        prefer: The sort keys.
        apart: The keys that tell it from its neighbour.
        follows: Whether the neighbour comes before it; else it is the first that the keys place,
            and the neighbour comes after it.
        same_as: Where they are the same model: the model before it.
    """
    key = apart[0] if apart else None
    if SortKey.SAME_MODEL in prefer:
        decided = prefer[: prefer.index(SortKey.SAME_MODEL) + 1]
        if key not in decided if follows else key is SortKey.SAME_MODEL and same_as:
            return SortKey.SAME_MODEL.value, f"the same model as `{same_as}`"
        if key is SortKey.SAME_MODEL and not follows:  # the first of its group
            key = apart[1] if len(apart) > 1 else None
    return words_of(key, follows=follows) if key else (WRITTEN, WRITTEN)
