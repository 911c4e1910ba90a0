"""Writes the models that a client may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model, an alias or a task that a client may ask for.

    Attributes:
        id: The name to ask for.
        title: The name to show to people.
        created: When it was added, in Unix seconds.
        owner: Who offers it.
        context: How many tokens it reads and writes at most; None when that is not known.
        max_output: How many tokens it writes at most; None when that is not known.
    """

    id: str
    title: str = ""
    created: int = 0
    owner: str = "policy-router"
    context: int | None = None
    max_output: int | None = None


def openai_models(models: Sequence[ListedModel]) -> dict[str, Any]:
    """The list in OpenAI's format."""
    return {"object": "list", "data": [openai_model(model) for model in models]}


def openai_model(model: ListedModel) -> dict[str, Any]:
    """One model in OpenAI's format, with its context in the field that OpenRouter uses."""
    fields = {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "name": model.title or model.id,
    }
    return fields if model.context is None else {**fields, "context_length": model.context}


def anthropic_models(models: Sequence[ListedModel]) -> dict[str, Any]:
    """The list in Anthropic's format: one page with all of them."""
    return {
        "data": [anthropic_model(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }


def anthropic_model(model: ListedModel) -> dict[str, Any]:
    """One model in Anthropic's format."""
    created = datetime.fromtimestamp(model.created, UTC)
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title or model.id,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "lifecycle": "active",
    }
