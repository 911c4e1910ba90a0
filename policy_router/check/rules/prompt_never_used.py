"""a prompt that no model ever gets

A model gets the first prompt that is for it and whose condition holds. Where an earlier prompt
always fits, or the rules exclude its models from every request that it is about, a prompt has no
effect. One that an experiment chooses by name goes before the others, and is not reported.

Bad:
    prompts:
      terse: { models: [big], system: Be brief. }
      thorough: { models: [big], when: tokens > 1000, system: Be thorough. }

Good:
    prompts:
      thorough: { models: [big], when: tokens > 1000, system: Be thorough. }
      terse: { models: [big], system: Be brief. }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.reachable_prompts import HeardPrompts
from policy_router.check.rules.dead_rule import is_dead
from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.prompts import Prompt


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    if not policy.prompts:
        return
    chosen = {arm.prompt for experiment in policy.experiments for arm in experiment.arms}
    heard = HeardPrompts(policy, subject.cancelled)
    for number, prompt in enumerate(policy.prompts):
        dead = prompt.when is not None and is_dead(prompt.when, subject.space_of(prompt.when))
        if prompt.name in chosen or dead or not prompt.models:
            continue
        try:
            finding = _finding(heard, number, prompt)
        except GaveUp:
            name = f"prompt `{prompt.name}`"
            subject.questions.leave_open("prompt-never-used", name, prompt.span)
            continue
        if finding is not None:
            yield finding


def _finding(heard: HeardPrompts, number: int, prompt: Prompt) -> Diagnostic | None:
    earlier = heard.shadowing(number)
    if earlier is not None:
        names = " and ".join(f"`{name}`" for name in earlier)
        return warning(
            "prompt-never-used",
            f"no model ever gets prompt `{prompt.name}`: the earlier {names} always "
            f"{'fits' if len(earlier) == 1 else 'fit'} first",
            prompt.span,
            "move it up, or narrow the earlier one",
        )
    if heard.is_unheard(number):
        models = " and ".join(f"`{name}`" for name in prompt.models)
        return warning(
            "prompt-never-used",
            f"no model ever gets prompt `{prompt.name}`: the rules exclude {models} for all "
            "requests that it would be used for",
            prompt.span,
            "correct its models or its condition, or remove it",
        )
    return None
