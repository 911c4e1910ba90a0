"""Puts an answer through the checks of its request: the table first, then functions, then judges.

The dear ones are asked only about an answer that has passed so far: one that fails is rejected
anyway. Within a stage every check is made, so that the best of several rejected answers is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from policy_router.execute.accept import PASSED, Verdict, found, plain
from policy_router.execute.function import ask_function
from policy_router.execute.judge import ask_judge
from policy_router.execute.shape import heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.execute.accept import Finding
    from policy_router.execute.progress import Progress
    from policy_router.execute.shape import Said


async def examine(progress: Progress, answer: Any) -> Verdict:
    """What the checks that the decision carries make of a whole answer. Never raises, and ends
    within the request's deadline."""
    accepts = progress.decision.accept
    if not accepts:
        return PASSED
    said = heard(answer)
    verdict = plain(accepts, said)
    for stage in (_functions, _judges):
        if verdict.rejected:
            break
        verdict = await stage(progress, said, answer, verdict)
    return verdict


async def _functions(
    progress: Progress, said: Sequence[Said], answer: Any, verdict: Verdict
) -> Verdict:
    rejected: list[Finding] = []
    passed = verdict.passed
    for accept in progress.decision.accept:
        if accept.python is None:
            continue
        for each in said:
            why = await ask_function(accept.python, each.text, answer, progress.share())
            if why is not None:
                rejected.append(found(accept, "python", f"`{accept.python}`: {why}"))
                break
        else:
            passed += 1
    return replace(verdict, rejected=tuple(rejected), passed=passed)


async def _judges(progress: Progress, said: Sequence[Said], _: Any, verdict: Verdict) -> Verdict:
    rejected: list[Finding] = []
    unchecked: list[Finding] = []
    passed = verdict.passed
    for accept in progress.decision.accept:
        if accept.llm is None:
            continue
        for each in said:
            if each.acts:
                continue
            judgement = await ask_judge(progress, accept.llm, each.text)
            if judgement.passed is not True:
                findings = unchecked if judgement.passed is None else rejected
                findings.append(found(accept, "llm", judgement.detail))
                break
        else:
            passed += 1
    return replace(verdict, rejected=tuple(rejected), unchecked=tuple(unchecked), passed=passed)
