"""Draws an order of models that is the same for the same seed.

Each model gets a number of its own from the seed (rendezvous hashing): a model that is added takes
its share from all others evenly, and one that is removed changes nothing for the requests which it
was not first for. The hash is not Python's own, which differs from process to process.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def draws(seed: str, names: Iterable[str]) -> list[int]:
    """A number for each name; they are evenly distributed.

    Args:
        seed: What to draw by, such as the name of a session.
        names: The names of models.
    """
    start = blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=8)
    numbers = []
    for name in names:
        each = start.copy()
        each.update(b"\0" + name.encode("utf-8", "surrogatepass"))
        numbers.append(int.from_bytes(each.digest(), "big"))
    return numbers
