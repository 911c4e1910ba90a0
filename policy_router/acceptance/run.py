"""Runs the checks of an answer in three stages: the table, then functions, then judges.

A later stage costs more, and runs only for an answer that has passed so far: one that failed is
rejected anyway. Within a stage every check is made, so that the best of several rejected answers is
known.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.acceptance.checks import (
    PASSED,
    SLOW,
    Verdict,
    apply_table,
    finding_for,
    takes_time,
)
from policy_router.acceptance.function import check_with_function
from policy_router.acceptance.judge import call_judge
from policy_router.providers.deadline import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.acceptance.checked_request import CheckedRequest
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.findings import Finding
    from policy_router.providers.answers.chat import ChatAnswer, ChatChoice


async def run_checks(request: CheckedRequest, answer: ChatAnswer) -> Verdict:
    """Runs the checks that the decision carries.

    Ends within the request's deadline, and never raises.
    """
    accepts = request.decision.accept
    if not accepts:
        return PASSED
    verdict = await _table(request, accepts, answer.choices)
    for stage in (_functions, _judges):
        if verdict.rejected:
            break
        verdict = await stage(request, answer, verdict)
    return verdict


async def _table(
    request: CheckedRequest, accepts: Sequence[Accept], choices: Sequence[ChatChoice]
) -> Verdict:
    """Makes the checks of the table; those that may take long in another thread, which ends soon
    after their time is over."""
    if not takes_time(accepts):
        return apply_table(accepts, choices)
    over = threading.Event()
    limit = request.share()
    try:
        work = request.tools.threads.run(lambda: apply_table(accepts, choices, over.is_set))
        return await within(limit, work)
    except TimeoutError:
        detail = f"took longer than {limit:.3g} s"
        slow = [(accept, name) for accept in accepts for name in accept.checks if name in SLOW]
        return Verdict(tuple(finding_for(accept, name, detail) for accept, name in slow))
    finally:
        over.set()


async def _functions(request: CheckedRequest, answer: ChatAnswer, verdict: Verdict) -> Verdict:
    rejected: list[Finding] = []
    passed = list(verdict.passed)
    for accept in request.decision.accept:
        if accept.python is None:
            continue
        for choice in answer.choices:
            functions, limit = request.tools.functions, request.share()
            text = choice.message.text
            reason = await check_with_function(functions, accept.python, text, answer, limit)
            if reason is not None:
                rejected.append(finding_for(accept, "python", f"`{accept.python}`: {reason}"))
                break
        else:
            passed.append("python")
    return replace(verdict, rejected=tuple(rejected), passed=tuple(passed))


async def _judges(request: CheckedRequest, answer: ChatAnswer, verdict: Verdict) -> Verdict:
    rejected: list[Finding] = []
    unchecked: list[Finding] = []
    passed = list(verdict.passed)
    for accept in request.decision.accept:
        if accept.llm is None:
            continue
        for choice in answer.choices:
            if choice.message.calls_tools:
                continue
            judgement = await call_judge(request, accept.llm, choice.message.text)
            if judgement.passed is not True:
                findings = unchecked if judgement.passed is None else rejected
                findings.append(finding_for(accept, "llm", judgement.detail))
                break
        else:
            passed.append("llm")
    return replace(
        verdict, rejected=tuple(rejected), unchecked=tuple(unchecked), passed=tuple(passed)
    )
