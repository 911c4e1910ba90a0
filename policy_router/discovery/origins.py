"""Where each value of a model comes from: a policy file, LiteLLM's table, or a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.models import Model
    from policy_router.language.compile.draft import Draft


@dataclass(frozen=True, slots=True)
class ModelValue:
    """A value of a model, and where it is from.

    Attributes:
        field: Its field in the policy, such as `context`.
        value: The value; None where it is unknown.
        origin: In words: `policy`, the name of a table, or `default`.
        span: Where a policy file has it; None where none has.
    """

    field: str
    value: object
    origin: str
    span: Span | None = None


POLICY: Final = "policy"
DEFAULT: Final = "default"
_TABLE_FIELDS: Final = frozenset({"price", "context", "max_output", "can"})
"""Fields for which LiteLLM's table has a value where the policy has none."""
_FIELDS: Final[dict[str, Callable[[Model], object]]] = {
    "model": lambda model: model.provider_model,
    "tier": lambda model: model.tier,
    "price": lambda model: "free" if model.free else model.price,
    "context": lambda model: model.context,
    "max_output": lambda model: model.max_output,
    "can": lambda model: sorted(model.abilities),
    "tags": lambda model: sorted(model.tags),
    "quality": lambda model: model.quality,
    "latency": lambda model: model.latency,
    "weight": lambda model: model.weight,
    "effort": lambda model: None if model.effort is None else model.effort.value,
    "params": lambda model: dict(model.params),
    "defaults": lambda model: dict(model.defaults),
    "api_base": lambda model: model.api_base,
    "api_base_env": lambda model: model.api_base_env,
    "api_key_env": lambda model: list(model.api_key_envs) or model.api_key_env,
    "via": lambda model: model.via.value,
    "first_token_within": lambda model: model.first_token_within,
    "stall": lambda model: model.stall,
    "deadline": lambda model: model.deadline,
    "keep_loaded": lambda model: model.keep_loaded,
    "max_connections": lambda model: model.max_connections,
}
"""Field -> what the compiled model has for it."""
_ALWAYS: Final = frozenset({"model", "tier", "price", "context", "max_output", "can", "quality"})
"""Fields that are shown even where nothing says them."""


def values_of(policy: Policy, draft: Draft, name: str) -> tuple[ModelValue, ...]:
    """Return the values of a model, each with where it comes from.

    Fields that nothing states and that have no value worth knowing are left out.

    Args:
        policy: The policy.
        draft: What it was compiled from.
        name: The name of one of its models.
    """
    model, entry = policy.model(name), draft.entries.get(name)
    written = (draft.document.models or {})[name].model_fields_set
    values = []
    for field, read in _FIELDS.items():
        value = read(model)
        if field in written:
            span = draft.places.value(("models", name, field))
            values.append(ModelValue(field, value, POLICY, span))
        elif field in _TABLE_FIELDS and entry is not None and value not in (None, []):
            values.append(ModelValue(field, value, f"{draft.catalog.source}, `{entry.name}`"))
        elif field in _ALWAYS:
            values.append(ModelValue(field, value, DEFAULT if value is not None else "unknown"))
    return tuple(values)
