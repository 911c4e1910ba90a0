"""The sections `tiers` and `models`: which models may be called, and how capable they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.catalog.pictures import picture_tokens
from policy_router.catalog.upstream import upstream_model
from policy_router.domain.models import Model
from policy_router.language.compile.prices import compile_price
from policy_router.language.compile.selectors import PRICES
from policy_router.language.compile.values import given

if TYPE_CHECKING:
    from policy_router.catalog.table import CatalogEntry
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.models import ModelShape

DEFAULT_TIERS: Final = ("standard",)
"""Tiers of a policy without models."""


def compile_tiers(resolver: Resolver) -> tuple[str, ...]:
    """Names of the tiers, weakest first; without a list, those that the models name."""
    draft, document = resolver.draft, resolver.draft.document
    written = document.tiers
    if written is None:
        used = dict.fromkeys(model.tier for model in (document.models or {}).values())
        listed = "tiers" in draft.names.sections or draft.names.may_hold("tiers")
        if len(used) > 1 and not listed:
            draft.error(
                "missing-field",
                "the models are of several tiers, whose order is not stated",
                draft.places.key(("models",)),
                f"add  tiers: [{', '.join(used)}]  weakest first",
            )
        return tuple(used) or DEFAULT_TIERS
    resolver.no_twins(("tiers",), written, "tier")
    return tuple(dict.fromkeys(written))


def compile_models(resolver: Resolver) -> tuple[Model, ...]:
    """The policy's models in written order; what they leave out comes from LiteLLM's table."""
    draft = resolver.draft
    models = []
    entries = {}
    for name, shape in (draft.document.models or {}).items():
        path = ("models", name)
        draft.checkpoint()
        if name in PRICES:
            draft.error(
                "reserved-name",
                f"`{name}` already stands for all {name} models",
                draft.places.key(path),
                "give the model another name",
            )
        entries[name] = entry = draft.catalog.find(shape.model, shape.api_base)
        models.append(_model(resolver, name, shape, entry))
    draft.entries = entries
    return tuple(models)


def _model(resolver: Resolver, name: str, shape: ModelShape, entry: CatalogEntry | None) -> Model:
    path = ("models", name)
    rank = resolver.rank(shape.tier, (*path, "tier")) or 0
    context = given(shape.context, entry.context if entry else None)
    picture, thumbnail = picture_tokens(shape.model, context)
    abilities = frozenset(shape.can or ())
    if shape.can is None and entry is not None:
        abilities = entry.abilities
    return Model(
        name=name,
        provider_model=shape.model,
        tier=shape.tier,
        rank=rank,
        price=compile_price(resolver, name, shape, entry.price if entry else None),
        free=shape.price == "free",
        context=context,
        max_output=given(shape.max_output, entry.max_output if entry else None),
        default_output=shape.defaults.max_tokens if shape.defaults else None,
        abilities=abilities,
        tags=frozenset(shape.tags or ()),
        quality=given(shape.quality, (rank + 1) / (len(resolver.ranks) + 1)),
        latency=shape.latency,
        api_base=shape.api_base,
        api_key_env=shape.api_key_env,
        picture=picture,
        thumbnail=thumbnail,
        weight=given(shape.weight, 1.0),
        upstream=upstream_model(shape.model),
        span=resolver.places.key(path),
    )
