"""Guesses about a model from its name: a short name for a policy, and a tier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence


def short_name(calls: str) -> str:
    """Return a name for the policy, from the last part of the name for LiteLLM."""
    text = re.sub(r"[^A-Za-z0-9._:-]", "-", calls.rsplit("/", 1)[-1]).removesuffix(":latest")
    return text.lstrip("._:-")[:56] or "model"


def unused_name(calls: str, taken: Container[str]) -> str:
    """A short name for a model that is not taken, with a number where it must have one.

    Args:
        calls: Its name for LiteLLM.
        taken: The names that are taken, in lower case.
    """
    name = bare = short_name(calls)
    number = 2
    while name.casefold() in taken:
        name, number = f"{bare}-{number}", number + 1
    return name


def guessed_tier(name: str) -> str:
    """Guess the tier of a model from the billions of parameters in its name."""
    sizes = [
        float(text)
        for text in re.findall(r"(?<![0-9.a-z])([0-9]{1,4}(?:\.[0-9])?)b\b", name.lower())
    ]
    biggest = max(sizes, default=0.0)
    return "light" if biggest < 15 else "standard" if biggest < 40 else "heavy"


def guessed_among(name: str, tiers: Sequence[str]) -> str:
    """The tier of a policy that comes closest to what the name of a model suggests.

    Args:
        name: The name of the model.
        tiers: The tiers of the policy, weakest first.
    """
    place = ("light", "standard", "heavy").index(guessed_tier(name))
    return tiers[round(place * (len(tiers) - 1) / 2)]
