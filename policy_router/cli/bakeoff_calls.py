"""The calls of a bake-off: every model that may answer a prompt answers it, through the router."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.acceptance import Accept, Judge, OnRejected
from policy_router.domain.decision import Reason
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule
from policy_router.errors import BudgetExceededError, RateLimitError, RoutingError
from policy_router.events import JudgedAnswer
from policy_router.learning.cascades import GradedAnswer, GradedPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.cli.bakeoff_rows import PromptRow
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.events import Event
    from policy_router.execution.answer import Answer
    from policy_router.router.router import Router

OTHER: Final = "other"
BY: Final = "the bake-off"
"""The source of the judge's verdict, as the policy would name it."""
AT_ONCE: Final = 4
"""Prompts that are answered at the same time."""
_PATIENCE: Final = 120.0
"""The maximum number of seconds that a call waits for a rate limit."""
_QUESTION: Final = 600
"""Approximate tokens of an answer, and of the instructions that a judge reads."""
_AT_PRESENT: Final = frozenset(
    {Reason.BUDGET, Reason.RATE_LIMIT, Reason.COOLING, Reason.BUSY, Reason.STATE}
)
"""Temporary reasons for which a model that the policy allows is excluded."""
_VERDICT: Final = 16
"""Tokens that a judge may answer with."""


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """A prompt with the models that may answer it.

    Attributes:
        row: The prompt.
        decision: What the policy makes of it.
    """

    row: PromptRow
    decision: Decision

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models that may answer."""
        return self.decision.candidates

    @property
    def path(self) -> tuple[str, ...]:
        """The kinds of request that it belongs to: its task, or else those read from its text."""
        situation = self.decision.situation
        if situation.task is not None:
            return (situation.task.name,)
        request = situation.request
        return () if request.form is None else (request.form, request.kind or OTHER)

    def is_marked(self) -> bool:
        """Whether its answers can be graded: by more than a check of their form."""
        accepts = self.decision.accept
        return self.row.expected is not None or any(
            each.llm is not None or each.python is not None for each in accepts
        )


def judged_policy(policy: Policy, judge: Judge | None) -> Policy:
    """The policy whose answers are compared.

    An answer that is rejected is returned, so that it can be marked; and a judge sees each answer,
    where the policy lets it see the request.
    """
    rules = [replace(rule, accept=_lenient(rule.accept)) for rule in policy.rules]
    if judge is not None:
        rules.append(Rule(BY, None, accept=Accept(BY, llm=judge)))
    tasks = [replace(task, accept=_lenient(task.accept)) for task in policy.tasks]
    return replace(policy, rules=tuple(rules), tasks=tuple(tasks))


def _lenient(accept: Accept | None) -> Accept | None:
    return None if accept is None else replace(accept, otherwise=OnRejected.BEST)


def estimate(planned: Sequence[PlannedPrompt], judge: Judge | None) -> tuple[int, list[str]]:
    """Estimate the cost of all calls.

    Returns:
        nano-USD, and the names of the models whose price is unknown, which are not in the sum.
    """
    total, unknown = 0, set()
    for each in planned:
        request = each.decision.situation.request
        calls = [(candidate.model, request) for candidate in each.candidates]
        if judge is not None:
            size = request.tokens + _QUESTION
            asked = Request(tokens=size, max_tokens=_VERDICT)
            calls += [(judge.model, asked)] * len(calls)
        for model, asked_of_it in calls:
            cost = model.estimate(asked_of_it)
            if cost is None:
                unknown.add(model.name)
            total += cost or 0
    return total, sorted(unknown)


def short_of_room(planned: Sequence[PlannedPrompt]) -> dict[str, tuple[int, str]]:
    """The models that the policy allows but that are excluded at the moment.

    Returns:
        By model, the number of prompts that it is excluded from, and the reason for the first of
        them.
    """
    out: dict[str, tuple[int, str]] = {}
    for each in planned:
        for skip in each.decision.skipped:
            if skip.reason in _AT_PRESENT:
                number, why = out.get(skip.model, (0, skip.detail))
                out[skip.model] = number + 1, why
    return out


@dataclass(slots=True)
class Trials:
    """The answers of all models, as they come in.

    Attributes:
        done: The prompts that every model has answered.
        failed: By model, how many calls gave no answer, or one that could not be graded.
        spent: The cost of all calls, including the judge's, in nano-USD.
        stopped: Why the remaining prompts are skipped; None if none are.
        unjudged: How many answers were graded without a verdict of the judge.
    """

    done: list[GradedPrompt] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    spent: int = 0
    stopped: str | None = None
    unjudged: int = 0
    _judging: dict[str, int] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Counts what judges cost."""
        if isinstance(event, JudgedAnswer):
            cost, key = event.attempt.cost_nano_usd or 0, event.decision.id
            self._judging[key] = self._judging.get(key, 0) + cost
            self.spent += cost

    async def run(
        self,
        router: Router,
        planned: Sequence[PlannedPrompt],
        done: Callable[[GradedPrompt], None],
    ) -> None:
        """Has every model answer every prompt.

        Args:
            router: What calls the models.
            planned: The prompts.
            done: Called with each prompt that is done.
        """
        left = iter(planned)

        async def work() -> None:
            for each in left:
                if self.stopped is not None:
                    return
                graded = await self._graded(router, each)
                if self.stopped is None:
                    self.done.append(graded)
                    done(graded)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    async def _graded(self, router: Router, planned: PlannedPrompt) -> GradedPrompt:
        names = [candidate.name for candidate in planned.candidates]
        answers = await asyncio.gather(*(self._answer(router, planned, name) for name in names))
        graded = {}
        for name, answer in zip(names, answers, strict=True):
            if answer is None:
                self.failed[name] = self.failed.get(name, 0) + 1
            else:
                graded[name] = answer
        return GradedPrompt(planned.row.id, planned.path, graded)

    async def _answer(
        self, router: Router, planned: PlannedPrompt, name: str
    ) -> GradedAnswer | None:
        row, waited = planned.row, 0.0
        options = row.options.copy()
        options["model"] = name
        while True:
            try:
                answer = await router.acompletion(row.messages, **options)
            except RateLimitError as full:
                pause = max(full.retry_after or 0.0, 0.1)
                if full.retry_after is None or waited + pause > _PATIENCE:
                    return None
                await asyncio.sleep(pause)
                waited += pause
            except BudgetExceededError as spent:
                self.stopped = self.stopped or str(spent).splitlines()[0]
                return None
            except RoutingError as failed:
                self.spent += sum(each.cost_nano_usd or 0 for each in failed.attempts)
                return None
            else:
                return self._mark(planned, answer)

    def _mark(self, planned: PlannedPrompt, answer: Answer) -> GradedAnswer | None:
        cost = sum(each.cost_nano_usd or 0 for each in answer.attempts)
        self.spent += cost
        judging = self._judging.pop(answer.decision_id, 0)
        accepts = answer.decision.accept
        is_judged = any(each.by == BY for each in accepts)
        own = [each for each in accepts if each.by != BY]
        by_judge = any(each.by == BY for each in answer.unchecked)
        if planned.row.expected is not None:
            texts = [choice.message.text for choice in answer.choices]
            quality = float(all(contains(text, planned.row.expected) for text in texts))
            self.unjudged += by_judge
        elif any(each.check in {"llm", "python"} for each in answer.unchecked):
            return None
        else:
            quality = float(not answer.rejected)
        if own:
            passed = not any(each.by != BY for each in answer.rejected)
        elif is_judged and not by_judge:
            passed = not answer.rejected
        else:
            return GradedAnswer(quality, cost)
        return GradedAnswer.checked(quality, cost, passed=passed, check_cost=judging)


def contains(text: str, expected: str) -> bool:
    """Whether a text has the expected words in it, whatever their case and spaces."""
    inside, wanted = (" ".join(each.casefold().split()) for each in (text, expected))
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", inside) is not None
