"""The choices that another policy would have made for the requests in a journal.

An outcome has no text, and not all facts of its request: of its tags and attributes those that the
policy of then declares with their values, and the tokens that were counted instead of those that
were estimated. So the other policy is asked for what the outcome does know, and its conditions on
other facts read them as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.decide import decide
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.experience.off_policy import LoggedChoice
from policy_router.experience.subjects import Subjects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy
    from policy_router.domain.outcome import Outcome


_STOPPED: Final = "cancelled"
"""The class of failures of a call whose caller stopped waiting."""


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The outcomes of two policies for the same requests.

    Attributes:
        choices: The first calls, each with the model that the other policy would have called.
        left_out: First calls of requests that the other policy denies, does not know or has no
            model for.
    """

    choices: tuple[LoggedChoice, ...]
    left_out: int


def compare_policies(outcomes: Iterable[Outcome], other: Policy) -> PolicyComparison:
    """Ask another policy for the requests of outcomes.

    Only the first call of each request counts, unless its caller stopped waiting. Its reward is the
    feedback on its answer, else 1 for an answer that no check rejected and 0 for anything else. A
    model that was not drawn was certain to be called.

    Args:
        outcomes: The outcomes, in any order.
        other: The other policy.
    """
    choices, left_out = [], 0
    firsts = [o for o in outcomes if o.role is Role.FIRST and o.failure != _STOPPED]
    subjects = Subjects(firsts)
    for outcome in firsts:
        decision = decide(other, request_of(outcome, other), Snapshot(now=outcome.at))
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
                subject=subjects.of(outcome),
            )
        )
    return PolicyComparison(tuple(choices), left_out)


def request_of(outcome: Outcome, policy: Policy) -> Request:
    """Return the request of an outcome, as far as it is known.

    Args:
        outcome: The outcome.
        policy: The policy that is asked for it, which declares facts of requests.
    """
    known = policy.vocabulary
    return Request(
        task=outcome.task,
        complexity=outcome.score,
        tokens=outcome.tokens_in or 0,
        tenant=outcome.tenant,
        user=outcome.user,
        team=outcome.team,
        key=outcome.key,
        form=outcome.form,
        kind=outcome.kind,
        tags=frozenset(outcome.tags) & known.tags if known.tags else frozenset(outcome.tags),
        attributes={
            name: value for name, value in outcome.attributes.items() if name in known.attributes
        },
        stream=outcome.stream,
        client=outcome.client,
        subagent=outcome.subagent,
        housekeeping=outcome.housekeeping,
        turn=outcome.turn,
        tool_errors=outcome.tool_errors,
    )
