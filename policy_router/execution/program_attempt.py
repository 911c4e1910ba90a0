"""A call of a model that the program makes itself, with its reservation and its settlement."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from policy_router.base_errors import UsageError
from policy_router.domain.decision import RuleReasons
from policy_router.domain.identity import bounded_id
from policy_router.execution.attempt import SOON, RunningAttempt
from policy_router.execution.progress import for_task
from policy_router.execution.refusal import refusal
from policy_router.providers.answers.chat import NO_USAGE, Usage
from policy_router.providers.answers.usage import to_usage
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.evidence import read_exception
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.execution.accounts.account import RequestAccount
    from policy_router.execution.attempt import CallContext
    from policy_router.execution.sessions import RequestSession

_STATUS: Final = 200
_OWN_CHECK: Final = "the program did not accept the answer"


def verdicts_of(checks: Mapping[str, bool] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the checks that an answer passed, and of those that it failed.

    Args:
        checks: What a program says: the names of its checks, and whether the answer passed each.

    Raises:
        UsageError: It is something else.
    """
    if checks is None:
        return (), ()
    if not isinstance(checks, Mapping) or not all(isinstance(name, str) for name in checks):
        raise UsageError(f"`checks` must be a mapping of names to booleans, not `{quoted(checks)}`")
    passed = tuple(bounded_id(name) for name, passes in checks.items() if passes)
    return passed, tuple(bounded_id(name) for name, passes in checks.items() if not passes)


def counted_by(usage: object) -> Usage | None:
    """What a provider counted, as a program passes it on; None where it says nothing."""
    if not isinstance(usage, Usage):
        return to_usage(usage)
    if (usage.prompt_tokens or 0) < 0:
        usage = replace(usage, prompt_tokens=None)
    if (usage.completion_tokens or 0) < 0:
        usage = replace(usage, completion_tokens=None)
    return usage


def most_output(usage: Usage) -> int:
    """The most tokens that the answer to a call of a program can have, whose text is not known."""
    return sys.maxsize if usage.completion_tokens is None else usage.completion_tokens


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """What a program is about to call, and on whose account.

    Attributes:
        decision: The decision that it carries out.
        model: One of its candidates.
        fallback: What the policy says about failures.
        account: Reserves and settles.
        session: Remembers how the request ends, if it belongs to a session.
        ended: Gets the attempt, and why it failed.
        run: Runs an awaitable for code without an event loop.
    """

    decision: Decision
    model: Model
    fallback: Fallback
    account: RequestAccount
    session: RequestSession | None
    ended: Callable[[Attempt, Failure | None], None]
    run: Callable[[Awaitable[Any]], Any]


class ProgramAttempt:
    """A call that the program makes itself, in a block.

        async with router.attempt(decision, candidate) as attempt:
            answer = await client.create(model=attempt.model.provider_model, ...)
            attempt.settle(answer.usage)

    The most that the call may use is reserved where the block begins, and settled where it ends. An
    exception that leaves the block before `settle` is the failure of the call: it is classified,
    and counts for cooldowns. A block that ends without `settle` is charged all that was reserved. A
    plain `with` block does the same for code without an event loop.

    Attributes:
        record: The attempt as events and the journal have it, once the block has ended.
    """

    def __init__(self, context: CallContext, call: ProgramCall) -> None:
        self._context = context
        self._call = call
        fallback = for_task(call.fallback, call.decision.situation.task)
        self._deadline = fallback.deadline
        self._running = RunningAttempt(
            context,
            call.model,
            account=call.account,
            cooldown=fallback.cooldown,
            degraded=fallback.degraded,
            fair=min(fallback.first_token_within, fallback.deadline / 2),
            user=call.decision.request.user,
        )
        self._usage: Usage | None = None
        self._settled = False
        self._ok = True
        self._passed: tuple[str, ...] = ()
        self._rejected: tuple[str, ...] = ()
        self.record: Attempt | None = None

    @property
    def model(self) -> Model:
        """The model to call. Where it has several keys, `api_key_env` names the one to use."""
        return self._running.called

    @property
    def output_cap(self) -> int | None:
        """The tokens that the answer may have, to be sent as `max_tokens`: what is reserved covers
        no more. None where no cap is needed, or the request has one itself."""
        return self._call.account.output_cap

    def mark_first_token(self) -> None:
        """Record that the first token of a stream is here."""
        self._running.mark_first_token()

    def settle(
        self,
        usage: object = None,
        *,
        ok: bool | None = None,
        checks: Mapping[str, bool] | None = None,
    ) -> None:
        """Note how the call ended; it is settled where the block ends. The last call counts.

        Args:
            usage: What the provider counted: a `Usage`, or its usage object in any shape. None
                charges all that was reserved.
            ok: Whether the answer is good. Default: no check of `checks` failed.
            checks: The names of the program's own checks, and whether the answer passed each.

        Raises:
            UsageError: `checks` is something else.
        """
        self._passed, self._rejected = verdicts_of(checks)
        self._usage = counted_by(usage)
        self._ok = not self._rejected if ok is None else ok
        self._settled = True

    async def __aenter__(self) -> Self:
        """Reserve the most that the call may use.

        Raises:
            NoCandidateError: There is no room in a limit or budget, or the model is in cooldown, as
                BudgetExceededError, RateLimitError, StateUnavailableError and CooldownError say.
        """
        began, context = self._context.monotonic(), self._context
        ends = began + self._deadline
        self._call.account.end_within(lambda: ends - context.monotonic())
        skip = await self._running.reserve(min(SOON, self._deadline / 2))
        if skip is not None:
            await self._running.settle()
            alone = replace(self._call.decision, reasons=RuleReasons(), further=())
            raise refusal(alone, (skip,), context.clock())
        limit = self._call.model.deadline
        self._running.start(self._deadline if limit is None else limit)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End the attempt, and settle it."""
        failure = self._failure(error)
        running, call = self._running, self._call
        running.usage = NO_USAGE if self._usage is None else self._usage
        if failure is None or failure.kind is FailureKind.REJECTED:
            running.produced = most_output(running.usage)
        attempt = running.end(failure)
        attempt = replace(attempt, passed=self._passed, rejected=self._rejected)
        self.record = attempt
        call.ended(attempt, failure)
        await running.settle()
        if call.session is not None:
            served = attempt.model if failure is None else None
            await call.session.ended(call.decision, [attempt], served, running.usage)

    def _failure(self, error: BaseException | None) -> Failure | None:
        """Why the call failed; None when the program has its answer."""
        if self._settled:
            return None if self._ok else Failure(FailureKind.REJECTED, _OWN_CHECK, _STATUS)
        if error is None:
            return None
        if isinstance(error, CallFailed):
            return error.failure
        if isinstance(error, TimeoutError):
            return self._running.late()
        if not isinstance(error, Exception):
            return Failure(FailureKind.CANCELLED, "the program stopped waiting")
        return classify(read_exception(error, (), time.time()))

    def __enter__(self) -> Self:
        self._call.run(self.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._call.run(self.__aexit__(kind, error, at))
