"""What the keys of `prefer` sort models by, and the words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey

LOCAL_TAG: Final = "local"
_INFINITE: Final = float("inf")

WRITTEN: Final = "written order"
WORDS: Final[dict[OrderKey, tuple[str, str]]] = {
    SortKey.FREE: ("free first", "paid, after the free ones"),
    SortKey.LOCAL: ("local first", "not local, after the local ones"),
    SortKey.SMALLEST: ("smallest tier first", "larger tier"),
    SortKey.CHEAPEST: ("cheapest first", "next cheapest"),
    SortKey.FASTEST: ("fastest first", "next fastest"),
    SortKey.QUALITY: ("best quality first", "next in quality"),
    SortKey.RELIABLE: ("most reliable first", "next in reliability"),
    SortKey.VALUE: ("worth most first", "next in worth"),
    SortKey.HEADROOM: ("most quota left", "less quota left"),
    SortKey.SPREAD: ("first by the draw", "later by the draw"),
    SortKey.SAME_MODEL: ("the same model first", "a different model"),
}
"""For each key what is said about the first model that it places, and of those after it."""
_OF_A_FUNCTION: Final = ("lowest number first", "next number")


def words_of(key: OrderKey, *, follows: bool) -> tuple[str, str]:
    """A key, and the wording for a model that it places: the first one, or one that follows."""
    return key.value, WORDS.get(key, _OF_A_FUNCTION)[follows]


def sort_value(key: OrderKey, model: Model, tokens: int, output: int) -> float:
    """The value that a key sorts a model by; smaller comes first, and what is unknown comes last.

    Args:
        key: The key.
        model: The model.
        tokens: Input tokens of the request.
        output: Output tokens of the request, as estimated.
    """
    match key:
        case SortKey.FREE:
            return not model.free
        case SortKey.LOCAL:
            return LOCAL_TAG not in model.tags
        case SortKey.SMALLEST:
            return model.rank
        case SortKey.CHEAPEST:
            return cost(model, tokens, output)
        case SortKey.FASTEST:
            return _INFINITE if model.latency is None else model.latency
        case SortKey.QUALITY:
            return -model.quality
        case _:
            return 0  # these depend on more than the model


def cost(model: Model, tokens: int, output: int) -> float:
    """What `cheapest` sorts a model by: below 0 for free models, by their weights; then the cost.

    Args:
        model: The model, with the price in force.
        tokens: Input tokens.
        output: Output tokens.

    Returns:
        For paid models millionths of a nano-USD, without fees; infinite when the price is unknown.
    """
    if model.free:
        return -1 / model.weight
    price = model.price
    return _INFINITE if price is None else tokens * price.input + output * price.output


def costs_alike(model: Model, other: Model) -> bool:
    """Whether two models cost the same for any numbers of tokens."""
    return cost(model, 1, 0) == cost(other, 1, 0) and cost(model, 0, 1) == cost(other, 0, 1)


def ranks(models: Sequence[Model], keys: tuple[OrderKey, ...]) -> list[int]:
    """The rank of each model by the keys together; equal models share one."""
    values = [tuple(sort_value(k, m, 0, 0) for k in keys) for m in models]
    rank = {value: i for i, value in enumerate(sorted(set(values)))}
    return [rank[value] for value in values]


def apart(prefer: tuple[OrderKey, ...], model: Model, other: Model) -> OrderKey | None:
    """The first key by which two models differ, at any ratio but the one of equal cost."""
    for key in prefer:
        if key is SortKey.CHEAPEST:
            if not costs_alike(model, other):
                return key
        elif sort_value(key, model, 0, 0) != sort_value(key, other, 0, 0):
            return key
    return None
