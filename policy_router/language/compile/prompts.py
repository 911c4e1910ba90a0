"""The section `prompts`: instructions and parameters that some models get with a request."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.prompts import Placement, Prompt
from policy_router.language.compile.values import frozen_list

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_prompts(resolver: Resolver) -> tuple[Prompt, ...]:
    """The policy's prompts in written order."""
    return tuple(
        Prompt(
            name=name,
            models=resolver.select(shape.models, ("prompts", name, "models")) or (),
            when=resolver.when(shape.when, ("prompts", name, "when")),
            system=shape.system,
            place=Placement(shape.place or Placement.BEFORE),
            params=MappingProxyType(
                {key: frozen_list(value) for key, value in (shape.params or {}).items()}
            ),
            span=resolver.places.key(("prompts", name)),
        )
        for name, shape in (resolver.draft.document.prompts or {}).items()
    )
