"""Puts an answer through the checks of its request: the table first, then functions, then judges.

The dear ones are asked only about an answer that has passed so far: one that fails is rejected
anyway. Within a stage every check is made, so that the best of several rejected answers is known.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.acceptance.checks import PASSED, SLOW, Verdict, found, plain, takes_time
from policy_router.acceptance.function import ask_function
from policy_router.acceptance.judge import ask_judge
from policy_router.providers.deadline import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.acceptance.asking import Asking
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.findings import Finding
    from policy_router.providers.chat import ChatAnswer, ChatChoice


async def run_checks(asking: Asking, answer: ChatAnswer) -> Verdict:
    """What the checks that the decision carries make of a whole answer. Never raises, and ends
    within the request's deadline."""
    accepts = asking.decision.accept
    if not accepts:
        return PASSED
    verdict = await _table(asking, accepts, answer.choices)
    for stage in (_functions, _judges):
        if verdict.rejected:
            break
        verdict = await stage(asking, answer, verdict)
    return verdict


async def _table(
    asking: Asking, accepts: Sequence[Accept], choices: Sequence[ChatChoice]
) -> Verdict:
    """What the checks that need nobody's help make of it. Those that may take long are made in
    another thread, which ends soon after their time is over."""
    if not takes_time(accepts):
        return plain(accepts, choices)
    over = threading.Event()
    limit = asking.share()
    try:
        work = asking.tools.threads.run(lambda: plain(accepts, choices, over.is_set))
        return await within(limit, work)
    except TimeoutError:
        words = f"took longer than {limit:.3g} s"
        slow = [(each, name) for each in accepts for name in each.checks if name in SLOW]
        return Verdict(tuple(found(each, name, words) for each, name in slow))
    finally:
        over.set()


async def _functions(asking: Asking, answer: ChatAnswer, verdict: Verdict) -> Verdict:
    rejected: list[Finding] = []
    passed = verdict.passed
    for accept in asking.decision.accept:
        if accept.python is None:
            continue
        for choice in answer.choices:
            functions, limit = asking.tools.functions, asking.share()
            text = choice.message.text
            why = await ask_function(functions, accept.python, text, answer, limit)
            if why is not None:
                rejected.append(found(accept, "python", f"`{accept.python}`: {why}"))
                break
        else:
            passed += 1
    return replace(verdict, rejected=tuple(rejected), passed=passed)


async def _judges(asking: Asking, answer: ChatAnswer, verdict: Verdict) -> Verdict:
    rejected: list[Finding] = []
    unchecked: list[Finding] = []
    passed = verdict.passed
    for accept in asking.decision.accept:
        if accept.llm is None:
            continue
        for choice in answer.choices:
            if choice.message.calls_tools:
                continue
            judgement = await ask_judge(asking, accept.llm, choice.message.text)
            if judgement.passed is not True:
                findings = unchecked if judgement.passed is None else rejected
                findings.append(found(accept, "llm", judgement.detail))
                break
        else:
            passed += 1
    return replace(verdict, rejected=tuple(rejected), unchecked=tuple(unchecked), passed=passed)
