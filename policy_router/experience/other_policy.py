"""What another policy would have chosen for the requests that a journal has outcomes of.

An outcome has no text, and not all facts of its request: neither its tags nor its attributes, and
the tokens that were counted instead of those that were estimated. So the other policy is asked for
what the outcome does know, and its conditions on other facts read them as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.decide import decide
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.experience.off_policy import LoggedChoice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy
    from policy_router.domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """What is known of two policies at the same requests.

    Attributes:
        choices: The first calls, each with the model that the other policy would have called.
        left_out: First calls of requests that the other policy denies, does not know or has no
            model for.
    """

    choices: tuple[LoggedChoice, ...]
    left_out: int


def compare_policies(outcomes: Iterable[Outcome], other: Policy) -> PolicyComparison:
    """Ask another policy for the requests of outcomes.

    Only the first call of each request counts. Its reward is the feedback on its answer, else 1 for
    an answer that no check rejected and 0 for anything else. A model that was not drawn was certain
    to be called.

    Args:
        outcomes: The outcomes, in any order.
        other: The other policy.
    """
    choices, left_out = [], 0
    for outcome in outcomes:
        if outcome.role is not Role.FIRST:
            continue
        decision = decide(other, _request(outcome), Snapshot(now=outcome.at))
        if not decision.candidates:
            left_out += 1
            continue
        reward = float(outcome.ok) if outcome.feedback is None else outcome.feedback
        choices.append(
            LoggedChoice(
                cell=f"{outcome.task}/{outcome.band}/{outcome.form}",
                model=outcome.model,
                propensity=outcome.propensity or 1.0,
                reward=reward,
                other=decision.candidates[0].name,
            )
        )
    return PolicyComparison(tuple(choices), left_out)


def _request(outcome: Outcome) -> Request:
    """The request of an outcome, as far as it is known."""
    return Request(
        task=outcome.task,
        complexity=outcome.score,
        tokens=outcome.tokens_in or 0,
        tenant=outcome.tenant,
        user=outcome.user,
        team=outcome.team,
        key=outcome.key,
        stream=outcome.stream,
        client=outcome.client,
        subagent=outcome.subagent,
        housekeeping=outcome.housekeeping,
        turn=outcome.turn,
        tool_errors=outcome.tool_errors,
    )
