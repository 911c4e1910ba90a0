"""a harder band that requires a weaker model than an easier one

Bands are written from easy to hard, so their minimum tiers must not fall.

Bad:
    complexity:
      bands:
        easy: { from: 0.0, min_tier: heavy }
        hard: { from: 0.6, min_tier: light }

Good:
    complexity:
      bands:
        easy: { from: 0.0, min_tier: light }
        hard: { from: 0.6, min_tier: heavy }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    highest = None
    for band in subject.policy.bands:
        if band.min_tier is None:
            continue
        if highest is not None and band.min_tier < (highest.min_tier or 0):
            tiers = subject.policy.tiers
            yield warning(
                "falling-floor",
                f"`{band.name}` is harder than `{highest.name}` but requires only "
                f"`{tiers[band.min_tier]}`, which is weaker than `{tiers[highest.min_tier or 0]}`",
                band.span,
                "let `min_tier` rise, or stay, from the easiest band to the hardest",
                *((("the easier band", highest.span),) if highest.span else ()),
            )
        if highest is None or band.min_tier > (highest.min_tier or 0):
            highest = band
