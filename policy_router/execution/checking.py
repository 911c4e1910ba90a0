"""What the checks of an answer get from the request under way."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from policy_router.acceptance.checked_request import JudgeReply
from policy_router.classification.tokens.bound import most_tokens
from policy_router.execution.chain import LEAST
from policy_router.execution.side_call import side_call
from policy_router.providers.requests.body import Body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.acceptance.checked_request import CheckTools
    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model
    from policy_router.execution.progress import Progress
    from policy_router.execution.side_call import SideCall
    from policy_router.providers.answers.chat import ChatAnswer


class CheckedProgress:
    """A request under way, as its checks know it (see `CheckedRequest`)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @property
    def decision(self) -> Decision:
        """The checks to make, and the judges that may not see the answer."""
        return self._progress.decision

    @property
    def tools(self) -> CheckTools:
        """What checks run in."""
        return self._progress.context.tools

    @property
    def messages(self) -> Sequence[object]:
        """The messages of the request."""
        return self._progress.messages

    def share(self) -> float:
        """Seconds that one check may take."""
        return self._progress.share()

    async def judge(
        self,
        model: Model,
        messages: Sequence[Mapping[str, str]],
        output: int,
        read: Callable[[ChatAnswer], bool | None],
    ) -> JudgeReply:
        """Calls a judge, pays for it and reports it as an event."""
        progress = self._progress
        patience = progress.patience(model)
        limit = min(progress.share(), patience, model.deadline or patience)
        reason = self._reason_not_to_call(model, limit)
        if reason is not None:
            return JudgeReply(not_called=reason)
        body = Body(messages=messages, max_tokens=output, temperature=0)
        account = None
        if progress.account is not None:
            account = progress.account.side_account(most_tokens(messages), output)
        attempt = progress.attempt(model, account)
        skip = await attempt.reserve(limit / 2)
        if skip is not None:
            return JudgeReply(not_called=skip.detail)

        def verdict(call: SideCall) -> bool | None:
            return None if call.failure is not None else read(call.answer)

        def report(call: SideCall) -> None:
            progress.report.judged(call.attempt, verdict(call), call.failure)

        call = await side_call(attempt, limit, body, report)
        failed = None if call.failure is None else call.failure.kind.value
        return JudgeReply(verdict(call), failed=failed)

    def _reason_not_to_call(self, model: Model, limit: float) -> str | None:
        """Why a judge is not called now."""
        context = self._progress.context
        if context.cooldowns is not None:
            until = context.cooldowns.until(model, context.clock())
            if until is not None:
                return f"in cooldown until {datetime.fromtimestamp(ceil(until), UTC):%H:%M:%S} UTC"
        return "no time is left" if limit < LEAST else None
