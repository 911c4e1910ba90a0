"""Finds the models that a failure of a key, an account or a provider affects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.execution.health.domain_keys import domain_in, domains_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.domain.models import Model


class ModelIndex:
    """The models of the active policy by what may keep them from being called.

    A policy may have a thousand models, of which one failed. The index is rebuilt when another
    policy becomes active.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[Model, ...], dict[str, list[int]]] | None = None

    def concerned(self, models: Iterable[Model], keys: Iterable[str]) -> list[Model]:
        """The models that any of these keys may keep from being called, in order.

        Args:
            models: All models; the same tuple each time while the policy is the same.
            keys: Keys of what failed (see `DomainKeys`).
        """
        listed, made = tuple(models), self._made
        if made is None or made[0] is not listed:
            made = self._made = listed, _places(listed)
        found = {place for key in keys for place in made[1].get(domain_in(key), ())}
        return [listed[place] for place in sorted(found)]


def _places(models: tuple[Model, ...]) -> dict[str, list[int]]:
    """The places of the models by their domains."""
    places: dict[str, list[int]] = {}
    for place, model in enumerate(models):
        for domain in domains_of(model):
            places.setdefault(domain, []).append(place)
    return places
