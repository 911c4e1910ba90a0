"""A call of a model that is not one of its request's attempts: a judge, an estimate, a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.providers.answers.chat import NO_ANSWER
from policy_router.providers.failures.failure import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.attempt import Attempt
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.failures.failure import Failure
    from policy_router.providers.requests.body import Body


@dataclass(frozen=True, slots=True)
class SideCall:
    """How a call ended that is not one of its request's attempts.

    Attributes:
        attempt: The call and its cost.
        answer: The provider's answer; without choices when the call failed.
        failure: Why it failed.
    """

    attempt: Attempt
    answer: ChatAnswer
    failure: Failure | None


async def side_call(
    attempt: RunningAttempt,
    limit: float,
    body: Body,
    ended: Callable[[SideCall], None] = lambda _: None,
) -> SideCall:
    """Makes a reserved call on an account of its own, and settles it.

    Args:
        attempt: Has its reservation, and was not started.
        limit: Seconds that the call may take.
        body: What is sent.
        ended: Gets the outcome, also when the task is cancelled during the call.
    """
    failure: Failure | None = None
    answer = NO_ANSWER
    attempt.start(limit)
    try:
        answer = await attempt.call(body)
    except CallFailed as failed:
        failure = failed.failure
    except BaseException:
        failure = attempt.cancelled()
        raise
    finally:
        outcome = SideCall(attempt.end(failure), answer, failure)
        ended(outcome)
        await attempt.settle()
    return outcome
