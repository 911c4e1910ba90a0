"""tiers that seem to be written strongest first

`tiers` are written from the weakest to the strongest: a minimum tier allows that tier and those
after it, and `step_down` goes backwards. In the wrong order, a request for the best model gets the
weakest.

Bad:
    tiers: [heavy, light]

Good:
    tiers: [light, heavy]
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model

_SCALES: Final = tuple(
    {word: place for place, words in enumerate(scale) for word in words.split()}
    for scale in (
        (
            "nano tiny mini micro",
            "small little light lite weak basic low junior entry simple cheap economy bronze",
            "medium mid middle standard normal regular balanced moderate silver",
            "large big heavy strong high senior advanced pro premium gold expert smart best",
            "xl huge max ultra platinum top frontier flagship genius",
        ),
        ("fast quick", "slow deep thorough"),
        ("first", "second", "third"),
        ("xs", "s", "m", "l", "xl", "xxl"),
    )
)
"""Words for ability, weakest first."""
_SIZE: Final = re.compile(r"(?<![0-9.])([0-9]{1,4}(?:\.[0-9]{1,2})?)b(?![a-z0-9])")
_PRICE_FACTOR: Final = 3
"""Prices that differ by this factor indicate a difference in ability."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    written = subject.draft.document.tiers or ()
    for earlier, later in pairwise(written):
        reason = _by_name(earlier, later) or _by_models(subject, earlier, later)
        if reason:
            yield warning(
                "tier-order",
                f"`{earlier}` is written before `{later}`, as the weaker of the two, {reason}",
                subject.draft.places.value(("tiers", list(written).index(later))),
                f"write the weakest first: [{', '.join(reversed(written))}]",
            )
            return


def _by_name(earlier: str, later: str) -> str:
    places = [(_place(scale, earlier), _place(scale, later)) for scale in _SCALES]
    places.append((_size(earlier), _size(later)))
    if any(a is not None and b is not None and a > b for a, b in places):
        return "but its name suggests the opposite"
    return ""


def _place(scale: Mapping[str, int], name: str) -> float | None:
    """Return the place of a tier on a scale, by its name or the one part of it on the scale."""
    if name in scale:
        return scale[name]
    places = {scale[part] for part in re.split(r"[-_]", name) if part in scale and len(part) > 2}
    return places.pop() if len(places) == 1 else None


def _size(name: str) -> float | None:
    """Return the billions of parameters in a name; the last number in `8x7b`."""
    sizes = _SIZE.findall(name.lower())
    return float(sizes[-1]) if sizes else None


def _by_models(subject: Subject, earlier: str, later: str) -> str:
    """Return what the models of two tiers show against their order, unless the names decide."""
    if any(None not in (_place(scale, earlier), _place(scale, later)) for scale in _SCALES):
        return ""
    models = subject.policy.models
    before = [m for m in models if m.tier == earlier]
    after = [m for m in models if m.tier == later]
    if not before or not after:
        return ""
    shapes = subject.draft.document.models or {}
    qualities = [[shapes[m.name].quality for m in models] for models in (before, after)]
    if all(quality is not None for group in qualities for quality in group):
        low, high = [q or 0.0 for q in qualities[0]], [q or 0.0 for q in qualities[1]]
        return "but its models are of better quality" if min(low) > max(high) else ""
    large, small = (
        [_size(m.provider_model) for m in before],
        [_size(m.provider_model) for m in after],
    )
    if None not in (*large, *small):
        low, high = [s or 0.0 for s in large], [s or 0.0 for s in small]
        return "but its models are larger" if min(low) > 2 * max(high) else ""
    high_prices, low_prices = _prices(before), _prices(after)
    if (
        len(high_prices) == len(before)
        and len(low_prices) == len(after)
        and min(high_prices) > _PRICE_FACTOR * max(low_prices)
    ):
        return "but its models cost far more"
    return ""


def _prices(models: Sequence[Model]) -> list[int]:
    """Return the output prices of the paid models."""
    return [m.price.output for m in models if m.price is not None and not m.free]
