"""an effort for a model that cannot reason

Such a model refuses the effort, or does not know it. A model that LiteLLM's table does not have is
known to reason when the policy says so.

Bad:
    models:
      quick: { model: openai/gpt-4o, tier: light, effort: high }

Good:
    models:
      quick: { model: openai/gpt-4o, tier: light }
      own:
        model: hosted_vllm/qwen3
        tier: light
        price: free
        context: 32k
        can: [reasoning]
        effort: high
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import error
from policy_router.decision.abilities import REASONING
from policy_router.domain.effort import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for name, shape in (subject.draft.document.models or {}).items():
        entry = subject.draft.entries[name]
        reasons = REASONING in (shape.can or ()) or (entry and REASONING in entry.abilities)
        if shape.effort in (None, Effort.NONE) or reasons:
            continue
        reason = "is not known to reason" if entry is None else "cannot reason"
        yield error(
            "effort-without-reasoning",
            f"`{shape.model}` {reason}, so `{name}` cannot have `effort: {shape.effort}`",
            subject.draft.places.value(("models", name, "effort")),
            "add `reasoning` to its `can` if it can, or leave `effort` out",
        )
