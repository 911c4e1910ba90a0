"""Models that are `like` another one: they take from it every field that they do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.language.document.models import ModelShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.language.compile.draft import Draft

_OWN: Final = frozenset({"like", "limits"})
"""Fields that are not copied. Limits count the calls of both models together, where they are
written."""
_ADDRESS: Final = frozenset({"api_base", "api_base_env"})
"""Fields that are taken together: an address of its own must not lose to a variable of another."""


def inherit(draft: Draft) -> None:
    """Complete the models of a draft that are like others.

    Args:
        draft: Its document and places get what models take from others, and its `quotas` says
            whose limits they share. An unknown name and a circle are reported.
    """
    models = draft.document.models or {}
    if not any(shape.like for shape in models.values()):
        return
    complete = dict(models)
    for name in _from_the_roots(draft, models):
        shape = complete[name]
        if shape.like in complete:
            _take(draft, name, shape, complete)
    draft.document = draft.document.model_copy(update={"models": complete})


def _from_the_roots(draft: Draft, models: Mapping[str, ModelShape]) -> list[str]:
    """The names of the models, each after the one that it is like, as far as there is an order."""
    placed: dict[str, None] = {}
    for name in models:
        draft.checkpoint()
        chain: dict[str, None] = {}
        model: str | None = name
        while model is not None and model in models and model not in placed and model not in chain:
            chain[model] = None
            model = models[model].like
        if model in chain:
            _report_circle(draft, [*chain][[*chain].index(model) :])
        elif model is not None and model not in models:
            _report_unknown(draft, [*chain][-1], model)
        placed.update(dict.fromkeys(reversed(chain)))
    return [*placed]


_NAMED: Final = 5
"""Models after the first that a message about a circle names."""


def _report_circle(draft: Draft, circle: list[str]) -> None:
    first, *others = circle
    way = "".join(f"`{name}`, which is like " for name in others[:_NAMED])
    if len(others) > _NAMED:
        way += f"... and so on, through {len(others) - _NAMED:,} more, to "
    draft.error(
        "like-circle",
        f"`{first}` is like {way}`{first}`" if others else f"`{first}` is like itself",
        draft.places.value(("models", first, "like")),
        "one of them must set all its fields itself",
    )


def _report_unknown(draft: Draft, name: str, like: str) -> None:
    names = draft.names
    if like not in names.models and not names.may_hold(like):
        draft.error(
            "unknown-name",
            f"`{like}` is not a model",
            draft.places.value(("models", name, "like")),
            draft.hints.help_line(like, sorted(names.models), what="the models"),
        )


def _take(draft: Draft, name: str, shape: ModelShape, complete: dict[str, ModelShape]) -> None:
    like = str(shape.like)
    other = complete[like]
    kept = _OWN | (_ADDRESS if shape.api_base or shape.api_base_env else frozenset())
    taken = {
        field: value
        for field in ModelShape.model_fields
        if field not in kept
        and getattr(shape, field) is None
        and (value := getattr(other, field)) is not None
    }
    complete[name] = shape.model_copy(update=taken)
    for field in taken:
        draft.places.inherit(("models", name, field), ("models", like, field))
    if shape.limits is None:
        owner = draft.quotas.get(like, like)
        if complete[owner].limits:
            draft.quotas[name] = owner
