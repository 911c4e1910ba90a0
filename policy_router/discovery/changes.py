"""What differs between a policy and what its sources offer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date

    from policy_router.catalog.table import CatalogEntry
    from policy_router.discovery.query_sources import SourceListing
    from policy_router.discovery.served import ServedModel
    from policy_router.domain.models import Model
    from policy_router.domain.prices import Price

AHEAD: Final = 30
"""Days before its last day from which a model is reported."""


class ChangeKind(StrEnum):
    """What is different.

    Attributes:
        NEW: A source offers a model that the policy does not have.
        GONE: A model of the policy is no longer offered.
        MORE_EXPENSIVE: It costs more than the policy says.
        CHEAPER: It costs less.
        FREE_NOW: It costs nothing, and the policy counts a price.
        CONTEXT: Its context is not as long as the policy says, or longer than is known.
        GOES_AWAY: Its provider switches it off within 30 days, or has done so.
    """

    NEW = "new"
    GONE = "gone"
    MORE_EXPENSIVE = "more expensive"
    CHEAPER = "cheaper"
    FREE_NOW = "free now"
    CONTEXT = "context"
    GOES_AWAY = "goes away"


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One difference.

    Attributes:
        kind: What is different.
        model: The model's name in the policy; empty for a new one.
        served: The model as the source lists it; None where it does not.
        listing: What the source answered; None where LiteLLM's table says it.
        text: What is different, as text.
        help: What to do about it; empty for nothing.
    """

    kind: ChangeKind
    model: str
    served: ServedModel | None
    listing: SourceListing | None
    text: str
    help: str = ""

    @property
    def asks_for_an_edit(self) -> bool:
        """Whether the policy should change."""
        return self.kind is not ChangeKind.NEW


def changes_of(
    models: Sequence[Model],
    listings: Sequence[SourceListing],
    today: date,
    *,
    is_called_at: Callable[[Model, SourceListing], bool],
    entries: Mapping[str, CatalogEntry | None],
) -> list[ModelChange]:
    """Return how the models of a policy differ from what is offered.

    Args:
        models: The models of the policy.
        listings: What the sources answered.
        today: The date.
        is_called_at: Whether a model is called at the place of a listing.
        entries: The row of each model in LiteLLM's table, by its name in the policy.
    """
    changes: list[ModelChange] = []
    for model in models:
        listing = next((each for each in listings if is_called_at(model, each)), None)
        listed = listing is not None and not listing.problem
        if listing is not None and listed:
            changes += _of_listed(model, listing, today)
        entry = entries.get(model.name)
        day = entry.last_day if entry and not model.has_own_address else None
        known = any(c.model == model.name and c.kind is ChangeKind.GOES_AWAY for c in changes)
        if day is not None and (day - today).days <= AHEAD and not known:
            text = f"`{model.provider_model}` {_switched_off(day, today)}"
            changes.append(_change(ChangeKind.GOES_AWAY, model, None, None, text, _SUCCESSOR))
    return changes


_SUCCESSOR: Final = "use its successor"


def _change(  # noqa: PLR0917  the parts of a change, in their order
    kind: ChangeKind,
    model: Model,
    served: ServedModel | None,
    listing: SourceListing | None,
    text: str,
    help_: str,
) -> ModelChange:
    return ModelChange(kind, model.name, served, listing, text, help_)


def _of_listed(model: Model, listing: SourceListing, today: date) -> Iterator[ModelChange]:
    name = model.provider_model.partition("/")[2]
    served = listing.find(name)
    if served is None:
        where = f"{listing.place.source.name} at {listing.place.base}"
        text = f"`{name}` is not offered by {where}"
        yield _change(ChangeKind.GONE, model, None, listing, text, "remove it, or call another")
        return
    if served.last_day is not None and (served.last_day - today).days <= AHEAD:
        text = f"`{name}` {_switched_off(served.last_day, today)}"
        yield _change(ChangeKind.GOES_AWAY, model, served, listing, text, _SUCCESSOR)
    yield from _of_price(model, served, listing)
    if served.context is not None and model.context not in (None, served.context):
        longer = served.context > (model.context or 0)
        if not (longer and listing.place.source.local):
            text = f"its context has {served.context:,} tokens, the policy says {model.context:,}"
            kind = ChangeKind.CONTEXT
            yield _change(kind, model, served, listing, text, "change `context`")


def _of_price(model: Model, served: ServedModel, listing: SourceListing) -> Iterator[ModelChange]:
    if model.free:
        if served.price is not None:
            text = f"it is free in the policy and costs {spelled(served.price)}"
            help_ = "remove it, or state its price and a budget: no patch does that"
            yield _change(ChangeKind.MORE_EXPENSIVE, model, served, listing, text, help_)
        return
    if served.free:
        if not listing.place.source.local:
            old = "unknown" if model.price is None else spelled(model.price)
            text = f"it is free, the policy says {old}"
            help_ = "add `price: free`"
            yield _change(ChangeKind.FREE_NOW, model, served, listing, text, help_)
        return
    if served.price is None:
        return
    old_price, new = model.price, served.price
    if old_price is None:
        text = f"it costs {spelled(new)}, and the policy knows no price"
        yield _change(ChangeKind.MORE_EXPENSIVE, model, served, listing, text, "add `price`")
        return
    pairs = ((new.input, old_price.input), (new.output, old_price.output))
    text = f"it costs {spelled(new)}, the policy says {spelled(old_price)}"
    if any(now > before for now, before in pairs):
        yield _change(ChangeKind.MORE_EXPENSIVE, model, served, listing, text, "change `price`")
    elif any(now < before for now, before in pairs):
        yield _change(ChangeKind.CHEAPER, model, served, listing, text, "change `price`")


def spelled(price: Price) -> str:
    """A price in a few words."""
    return f"{spell_usd(price.input)}/M in, {spell_usd(price.output)}/M out"


def _switched_off(day: date, today: date) -> str:
    left = (day - today).days
    if left < 0:
        return f"was due to be switched off on {day}"
    return f"is switched off on {day}" + (f", in {left} days" if left else ", today")


# -- new models ----------------------------------------------------------------------------------


def new_models(
    models: Sequence[Model],
    listing: SourceListing,
    only: Sequence[str],
    recent: Collection[str],
    *,
    is_called_at: Callable[[Model, SourceListing], bool],
) -> list[ModelChange]:
    """Return the models of a listing that the policy does not have.

    Args:
        models: The models of the policy.
        listing: What a source answered.
        only: Selectors of models of interest; empty for all.
        recent: Names that appeared lately. At a self-hosted server, each model that the policy
            does not have is worth knowing.
        is_called_at: Whether a model is called at the place of the listing.
    """
    here = [m.provider_model.partition("/")[2] for m in models if is_called_at(m, listing)]
    have = {served.name for name in here if (served := listing.find(name)) is not None}
    source = listing.place.source
    return [
        ModelChange(ChangeKind.NEW, "", served, listing, described(served))
        for served in listing.models
        if served.name not in have
        and (source.local or served.name in recent)
        and (not only or any(_is_of_interest(served, listing, word) for word in only))
    ]


def _is_of_interest(served: ServedModel, listing: SourceListing, word: str) -> bool:
    source = listing.place.source
    if word in ("free", "paid"):
        return served.free == (word == "free")
    if word == "local":
        return source.local and not served.elsewhere
    if word in (served.abilities or ()):
        return True
    whole = f"{source.provider}/{served.name}"
    return any(fnmatchcase(name, word) for name in (served.name, whole, source.name))


def described(served: ServedModel) -> str:
    """A model that is listed, in a few words: price, context, abilities."""
    if served.elsewhere:
        price = "runs elsewhere, at its own price"
    elif served.free:
        price = "free"
    else:
        price = "price unknown" if served.price is None else spelled(served.price)
    parts = [price]
    if served.context or served.longest:
        parts.append(f"{served.context or served.longest:,} tokens")
    if served.context and served.longest and served.longest > served.context:
        parts.append(f"up to {served.longest:,}")
    parts += [" ".join(sorted(served.abilities))] if served.abilities else []
    parts += [f"until {served.last_day}"] if served.last_day else []
    return ", ".join(parts)
