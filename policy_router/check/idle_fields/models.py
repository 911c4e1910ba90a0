"""Models: weights, defaults and attempts that are never used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.language.document.document import Document
    from policy_router.language.document.models import ModelShape


def of_models(document: Document) -> Iterator[IdleField]:
    """Yield weights, attempts and defaults without effect."""
    yield from _of_defaults(document)
    models = document.models or {}
    most = document.fallback.max_attempts if document.fallback else None
    if most is not None and models and most > most_calls(models):
        yield IdleField(
            ("fallback", "max_attempts"),
            (
                f"{most} attempts are never made: each of {len(models)} models is called at most "
                "once more than it has keys"
            ),
            f"write {most_calls(models)} or less",
        )
    for name, model in models.items():
        if model.weight is not None and model.price != "free":
            yield IdleField(
                ("models", name, "weight"),
                f"`{name}` is not free, so it is ordered by its price, and `weight` has no effect",
                "leave it out, or write  price: free",
            )


def _of_defaults(document: Document) -> Iterator[IdleField]:
    """Yield defaults that something of the same model always replaces."""
    for name, model in (document.models or {}).items():
        fixed = model.params.model_dump(exclude_none=True) if model.params else {}
        if model.effort is not None:
            fixed["reasoning_effort"] = model.effort
        for key in model.defaults.model_dump(exclude_none=True) if model.defaults else {}:
            if key in fixed:
                winner = "effort" if key == "reasoning_effort" else "params"
                yield IdleField(
                    ("models", name, "defaults", key),
                    f"`{winner}` of `{name}` sets it in every call, so this default is never sent",
                    "leave one of the two out",
                )


def most_calls(models: Mapping[str, ModelShape]) -> int:
    """The most calls of one request: each model once with each key, and once more."""
    keys = [model.api_key_env for model in models.values()]
    return sum((len(names) if isinstance(names, list) else 1) + 1 for names in keys)
