"""The sections `tiers` and `models`: which models may be called, and how capable they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.catalog.pictures import picture_tokens
from policy_router.catalog.upstream import upstream_model
from policy_router.decision.abilities import EMBEDDINGS, NO_CHAT, REASONING
from policy_router.domain.effort import USUAL_LEVELS, Effort
from policy_router.domain.models import MAX_CONNECTIONS, Model, Via
from policy_router.language.compile.abilities import known_abilities
from policy_router.language.compile.prices import compile_price
from policy_router.language.compile.selectors import PRICES
from policy_router.language.compile.values import given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.catalog.table import CatalogEntry
    from policy_router.domain.json_value import JsonValue
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.models import ModelShape, ParamsShape

DEFAULT_TIERS: Final = ("standard",)
"""Tiers of a policy without models."""


def compile_tiers(resolver: Resolver) -> tuple[str, ...]:
    """Names of the tiers, weakest first; without a list, those that the models name."""
    draft, document = resolver.draft, resolver.draft.document
    written = document.tiers
    if written is None:
        shapes = (document.models or {}).values()
        used = dict.fromkeys(shape.tier for shape in shapes if shape.tier is not None)
        listed = "tiers" in draft.names.sections or draft.names.may_hold("tiers")
        if len(used) > 1 and not listed:
            draft.error(
                "missing-field",
                "the models are of several tiers, whose order is not defined",
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
        entries[name] = entry = draft.catalog.find(shape.model or "", shape.api_base)
        models.append(_model(resolver, name, shape, entry))
    draft.entries = entries
    return tuple(models)


def _listed_abilities(
    resolver: Resolver, provider_model: str, entry: CatalogEntry | None
) -> frozenset[str]:
    """What LiteLLM's table says that a model can do; nothing where it does not list the model."""
    if entry is not None:
        return entry.abilities
    mode = resolver.draft.catalog.other_mode(provider_model)
    if mode is None:
        return frozenset()
    return frozenset({EMBEDDINGS if mode == "embedding" else f"{NO_CHAT}{mode.replace('_', ' ')}"})


def _model(resolver: Resolver, name: str, shape: ModelShape, entry: CatalogEntry | None) -> Model:
    path = ("models", name)
    rank = resolver.rank(shape.tier, (*path, "tier")) or 0
    context = given(shape.context, entry.context if entry else None)
    provider_model = shape.model or ""
    picture, thumbnail = picture_tokens(provider_model, context)
    keys = [shape.api_key_env] if isinstance(shape.api_key_env, str) else shape.api_key_env or []
    abilities = known_abilities(resolver, shape.can, (*path, "can"))
    if shape.can is None:
        abilities = _listed_abilities(resolver, provider_model, entry)
    if shape.effort is not None:
        reasons = shape.effort is not Effort.NONE
        abilities = abilities | {REASONING} if reasons else abilities - {REASONING}
    return Model(
        name=name,
        provider_model=provider_model,
        tier=shape.tier or "",
        rank=rank,
        price=compile_price(resolver, name, shape, entry.price if entry else None),
        free=shape.price == "free",
        context=context,
        max_output=given(shape.max_output, entry.max_output if entry else None),
        default_output=shape.defaults.max_tokens if shape.defaults else None,
        fixed_output=shape.params.max_tokens if shape.params else None,
        params=parameters(shape.params),
        defaults=parameters(shape.defaults),
        effort=shape.effort,
        effort_levels=USUAL_LEVELS | (entry.efforts if entry else {Effort.NONE.value}),
        abilities=abilities,
        tags=frozenset(shape.tags or ()),
        quality=given(shape.quality, (rank + 1) / (len(resolver.ranks) + 1)),
        latency=shape.latency,
        api_base=shape.api_base,
        api_base_env=shape.api_base_env,
        api_key_env=keys[0] if keys else None,
        api_key_envs=tuple(keys),
        first_token_within=shape.first_token_within,
        stall=shape.stall,
        max_connections=given(shape.max_connections, MAX_CONNECTIONS),
        via=Via(shape.via or Via.AUTO),
        keep_loaded=shape.keep_loaded,
        deadline=shape.deadline,
        picture=picture,
        thumbnail=thumbnail,
        gpu_memory=shape.gpu_memory,
        weight=given(shape.weight, 1.0),
        upstream=upstream_model(provider_model),
        span=resolver.places.key(path),
    )


def parameters(shape: ParamsShape | None) -> Mapping[str, JsonValue]:
    """Parameters by name, but for the cap on an answer, which limits what is reserved."""
    return (
        {}
        if shape is None
        else shape.model_dump(mode="json", exclude_none=True, exclude={"max_tokens"})
    )
