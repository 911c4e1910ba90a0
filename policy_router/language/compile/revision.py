"""The revision of a policy: a digest of what it means."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.condition import Condition
    from policy_router.domain.models import Model
    from policy_router.language.document.document import Document
    from policy_router.language.source import Path


def revision(
    document: Document, models: Sequence[Model], conditions: Mapping[Path, Condition]
) -> str:
    """SHA-256, in hexadecimal, of the values in all sections and of what LiteLLM's table adds.

    Layout and comments do not change it, nor do tests, nor does breaking the lines of a condition
    elsewhere.

    Args:
        document: What the files say.
        models: The compiled models, with the facts that the table added.
        conditions: The path of a condition in the document -> the condition.
    """
    written = document.model_dump(mode="json", exclude_none=True, exclude={"tests"})
    for (*way, last), condition in conditions.items():
        section: Any = written
        for step in way:
            section = section[step]
        section[last] = condition.text
    meaning = {
        "document": written,
        "models": [
            [m.name, m.price and astuple(m.price), m.context, m.max_output,
             sorted(m.abilities)]
            for m in models
        ],
    }  # fmt: skip
    # What JSON has no form for are time zones, which are written by their names.
    canonical = json.dumps(meaning, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
