"""The section `complexity`: how a request is scored, and the bands that scores fall into."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.complexity import Band, Complexity, Weights
from policy_router.language.document.classification import (
    BandShape,
    ComplexityShape,
    LlmEstimator,
    PythonEstimator,
)

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver

DEFAULT_BANDS: Final = (
    ("trivial", 0.0),
    ("simple", 0.15),
    ("moderate", 0.35),
    ("complex", 0.6),
    ("expert", 0.85),
)
BAND_PRESETS: Final = {
    "three_tiers": (("light", 0.0), ("standard", 0.3), ("heavy", 0.7)),
    # Each level ends with its own tenth: 0.7 is the highest score of level 7, also where it was
    # computed: 7 * 0.1 is a little more.
    "one_to_ten": (
        ("level_1", 0.0),
        *((f"level_{n}", (n - 1) / 10 + 1e-9) for n in range(2, 11)),
    ),
}
"""Bands that a policy may call by one name: the name of each band, and the score it begins at."""
ROUNDING: Final = 0.002
"""How far the sum of the weights may be from 1, so that three times 33.3% is a whole."""


def compile_bands(resolver: Resolver) -> tuple[Band, ...]:
    """The bands of the complexity score, easiest first."""
    section = resolver.draft.document.complexity
    written = section.bands if section else None
    if written is None:
        return tuple(Band(name, start) for name, start in DEFAULT_BANDS)
    if isinstance(written, str):
        span = resolver.places.value(("complexity", "bands"))
        # Only the bands of `three_tiers` are named like tiers, and each is answered by its tier.
        ranks = resolver.ranks if written == "three_tiers" else {}
        return tuple(
            Band(name, start, ranks.get(name), span) for name, start in BAND_PRESETS[written]
        )
    return _own_bands(resolver, written)


def _own_bands(resolver: Resolver, written: dict[str, BandShape]) -> tuple[Band, ...]:
    draft, places = resolver.draft, resolver.places
    bands: list[Band] = []
    for name, shape in written.items():
        path = ("complexity", "bands", name)
        rank = resolver.rank(shape.min_tier, (*path, "min_tier"))
        if bands and shape.from_ <= bands[-1].start:
            draft.error(
                "band-order",
                f"`{name}` begins at {shape.from_:g}, not above `{bands[-1].name}` "
                f"at {bands[-1].start:g}",
                places.key(path),
                "write the bands easiest first; each ends where the next begins",
            )
            continue
        bands.append(Band(name, shape.from_, rank, places.key(path)))
    # A band that is broken or out of order has been reported already.
    whole = draft.names.bands <= {band.name for band in bands}
    if whole and bands and bands[0].start > 0:
        draft.error(
            "band-order",
            f"scores below {bands[0].start:g} are in no band",
            bands[0].span or places.key(("complexity", "bands")),
            "let the first band begin at 0.0",
        )
    return tuple(bands)


def compile_complexity(resolver: Resolver) -> Complexity:
    """How the complexity of a request is estimated."""
    shape = resolver.draft.document.complexity or ComplexityShape()
    path = ("complexity", "estimator")
    match shape.estimator:
        case LlmEstimator(llm=model):
            resolver.one_model(model, (*path, "llm"))
            estimator = Complexity("llm", model=model)
        case PythonEstimator(python=function):
            resolver.own_function(function, (*path, "python"))
            estimator = Complexity("python", function=function)
        case name:
            estimator = Complexity(name or "heuristic")
    return replace(
        estimator,
        weights=_weights(resolver, shape),
        keywords=tuple(shape.keywords or ()),
        span=resolver.places.key(path) if shape.estimator else None,
    )


def _weights(resolver: Resolver, shape: ComplexityShape) -> Weights:
    default = Weights()
    if shape.weights is None:
        return default
    written = shape.weights.model_dump(exclude_none=True)
    weights = Weights(**{**dict.fromkeys(asdict(default), 0.0), **written})
    total = sum(asdict(weights).values())
    if resolver.draft.whole and abs(total - 1) > ROUNDING:
        resolver.draft.error(
            "bad-value",
            f"the weights add up to {total * 100:.6g}%, not to 100%",
            resolver.places.key(("complexity", "weights")),
            "a factor that is left out has the weight 0%",
        )
    return weights
