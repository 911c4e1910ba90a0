"""The section `prompts`: instructions and parameters that some models get with a request."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.prompts import Placement, Prompt
from policy_router.language.compile.models import parameters

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
            params=MappingProxyType({**parameters(shape.params)}),
            max_tokens=shape.params.max_tokens if shape.params else None,
            force=shape.force is True,
            span=resolver.places.key(("prompts", name)),
        )
        for name, shape in (resolver.draft.document.prompts or {}).items()
    )
