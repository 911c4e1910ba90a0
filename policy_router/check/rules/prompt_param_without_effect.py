"""a parameter of a prompt that is never sent

What the `params` of a model set wins over a request and over a prompt, unless the prompt says
`force: true`. The same goes for `effort`. A model that cannot reason has no use for
`reasoning_effort`.

Bad:
    models:
      exact: { model: openai/gpt-4o, tier: heavy, params: { temperature: 0 } }
    prompts:
      lively: { models: [exact], params: { temperature: 0.9 } }

Good:
    models:
      exact: { model: openai/gpt-4o, tier: heavy, params: { temperature: 0 } }
    prompts:
      lively: { models: [exact], params: { temperature: 0.9 }, force: true }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning
from policy_router.decision.abilities import REASONING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model
    from policy_router.domain.prompts import Prompt

_EFFORT: Final = "reasoning_effort"
_CAP: Final = "max_tokens"


def check(subject: Subject) -> Iterator[Diagnostic]:
    for prompt in subject.policy.prompts:
        models = [subject.policy.model(name) for name in prompt.models]
        for name in prompt.sets:
            place = subject.draft.places.key(("prompts", prompt.name, "params", name))
            names = " and ".join(f"`{model.name}`" for model in models)
            if models and not prompt.force and all(_sets(model, name) for model in models):
                yield warning(
                    "prompt-param-without-effect",
                    f"`{name}` of prompt `{prompt.name}` is never sent: {names} "
                    f"{'set' if len(models) > 1 else 'sets'} it, whatever a request says",
                    place,
                    "add  force: true  to the prompt, or remove it",
                )
            elif name == _EFFORT and models and not any(_reasons(m, prompt) for m in models):
                yield warning(
                    "prompt-param-without-effect",
                    f"`{name}` of prompt `{prompt.name}` has no effect: {names} cannot reason",
                    place,
                    "add `reasoning` to the `can` of the models if they can, or remove it",
                )


def _sets(model: Model, name: str) -> bool:
    """Whether the policy fixes a parameter of a model."""
    if name == _EFFORT:
        return model.effort is not None
    return model.fixed_output is not None if name == _CAP else name in model.params


def _reasons(model: Model, prompt: Prompt) -> bool:
    return REASONING in model.abilities or prompt.params[_EFFORT] == "none"
