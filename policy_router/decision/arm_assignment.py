"""Draws the arm of each experiment that a request is about.

An experiment that sticks to users gives all requests of one user the same arm, in every process and
every release: the arm follows from a hash of the experiment and the user (BLAKE2b of the name of
the experiment, what it sticks to and the subject, separated by zero bytes; the first 53 of 64 bits
are a number from 0 to 1, which the arms divide among themselves in written order, the control
last). So a greater share of the only arm keeps those who have it, and another name of the
experiment draws again. A request without such a subject is drawn by itself, from the id of its
decision.

Of two experiments that act on the same thing (the order, the prompt or the effort) and are about
the same request, the first one in the policy gets it; to the other it does not belong, whatever
arm it was drawn into. Experiments that act on different things are drawn independently.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from policy_router.domain.experiments import CONTROL, Assignment
from policy_router.domain.identity import bounded_id, key_id

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from policy_router.decision.policy import Policy
    from policy_router.domain.experiments import Experiment
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation

_NONE: Final[AbstractSet[tuple[str, str]]] = frozenset()


def draw_arms(
    policy: Policy,
    situation: Situation,
    seed: str | None,
    now: float | None,
    ended: AbstractSet[tuple[str, str]] = _NONE,
) -> tuple[Assignment, ...]:
    """Draw the arms of a request, one for each experiment that it belongs to, in written order.

    It is pure: equal arguments always give equal arms.

    Args:
        policy: The policy with the experiments.
        situation: The request as the policy sees it; an invalid one belongs to no experiment.
        seed: What requests are drawn by that are drawn by themselves: the id of the decision. None
            draws only requests with the subject that an experiment sticks to.
        now: Unix time; experiments that are over are left out. None without a clock.
        ended: Arms that get no more requests, as names of the experiment and the arm. Requests
            that they would have got are decided as usual and belong to no arm.
    """
    if situation.problem is not None:
        return ()
    drawn = []
    taken: set[str] = set()
    for experiment in policy.experiments:
        acts_on = experiment.acts_on
        if taken & acts_on or not _is_about(experiment, situation, now, ended):
            continue
        taken |= acts_on
        subject = subject_in(experiment, situation.request)
        drawn_by = seed if subject is None else subject
        if drawn_by is None:
            continue
        by = None if subject is None else experiment.stick_to
        arm, propensity = _arm_at(experiment, number_of(experiment.name, by, drawn_by))
        if (experiment.name, arm) not in ended:
            orders = "first" in acts_on
            drawn.append(Assignment(experiment.name, arm, propensity, by, orders))
    return tuple(drawn)


def subject_in(experiment: Experiment, request: Request) -> str | None:
    """What an experiment assigns to one arm for good; None where the request does not name it."""
    name = None if experiment.stick_to is None else getattr(request, experiment.stick_to)
    if not name:
        return None
    return key_id(name) if experiment.stick_to == "key" else bounded_id(name)


def number_of(experiment: str, by: str | None, subject: str) -> float:
    """The number, at least 0 and below 1, by which a subject is drawn into an arm.

    Args:
        experiment: Name of the experiment.
        by: What the subject is, such as `user`; None for the id of a decision.
        subject: The subject.
    """
    text = f"{experiment}\0{by or ''}\0{subject}"
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _is_about(
    experiment: Experiment,
    situation: Situation,
    now: float | None,
    ended: AbstractSet[tuple[str, str]],
) -> bool:
    """Whether a request belongs to an experiment that is still going on."""
    if experiment.ends is not None and now is not None and now >= experiment.ends:
        return False
    if ended and all((experiment.name, arm.name) in ended for arm in experiment.arms):
        return False
    return experiment.when is None or experiment.when.holds(situation.facts)


def _arm_at(experiment: Experiment, number: float) -> tuple[str, float]:
    """The arm of a number from 0 to 1, and how likely it is."""
    end = 0.0
    for arm in experiment.arms:
        end += arm.share
        if number < end:
            return arm.name, arm.share
    return CONTROL, max(0.0, 1 - end)
