"""Defects of the engine, each of which sends private requests elsewhere.

A defect is a small change of one function. `SEEDED` has them by what is wrong; each installs itself
with a MonkeyPatch, whose end takes it out again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.acceptance import judge as judging
from policy_router.decision import candidates, disclosure
from policy_router.decision import decide as deciding
from policy_router.decision.bitset import bits
from policy_router.decision.index import Index
from policy_router.decision.lookup import BoxLookup
from policy_router.domain.decision import Candidate
from policy_router.execution import estimators
from policy_router.execution.chain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def _allowing(wider: Callable[[Any, Any, Any, Any], int]) -> Callable[[pytest.MonkeyPatch], None]:
    """A defect by which more models are put in order than are allowed.

    Args:
        wider: Gives the models that are added, of the policy, the situation, the snapshot and what
            the arms put first.
    """

    def install(patch: pytest.MonkeyPatch) -> None:
        original: Any = candidates.ordered

        def ordered(*arguments: Any) -> Any:
            policy, _, situation, snapshot, *_, allowed, floor, first, lead = arguments
            allowed |= wider(policy, situation, snapshot, lead) & policy.all_models
            return original(*arguments[:-4], allowed, floor, first, lead)

        patch.setattr(deciding, "ordered", ordered)

    return install


def _named(policy: Any, names: Any) -> int:
    return sum(1 << policy.position(name) for name in names if name in policy.models_by_name)


def _of_arms(policy: Any, _: Any, snapshot: Any, __: Any) -> int:
    arms = {(a.experiment, a.arm) for a in snapshot.arms}
    return sum(
        _named(policy, arm.first)
        for experiment in policy.experiments
        for arm in experiment.arms
        if (experiment.name, arm.name) in arms
    )


def _of_session(policy: Any, _: Any, snapshot: Any, __: Any) -> int:
    return 0 if snapshot.session is None else _named(policy, [snapshot.session.model])


def _of_name(policy: Any, situation: Any, _: Any, __: Any) -> int:
    return _named(policy, [situation.request.model])


def _of_alias(policy: Any, situation: Any, _: Any, __: Any) -> int:
    asked = situation.request.model
    alias = None if asked is None else policy.alias(asked)
    return 0 if alias is None else _named(policy, [n for group in alias.groups for n in group])


def _of_task(policy: Any, situation: Any, _: Any, __: Any) -> int:
    task = situation.task
    return (
        0 if task is None or task.use is None else _named(policy, [n for g in task.use for n in g])
    )


def _first_of_task(policy: Any, situation: Any, _: Any, __: Any) -> int:
    return 0 if situation.task is None else _named(policy, situation.task.first)


def _measured(policy: Any, _: Any, snapshot: Any, __: Any) -> int:
    return _named(policy, snapshot.measured)


def _of_heavy_band(policy: Any, situation: Any, _: Any, __: Any) -> int:
    band = situation.band
    wanted = None if band is None else band.min_tier
    return 0 if not wanted else int(policy.all_models & ~policy.models_below(wanted))


def _when_asked_by_tier(policy: Any, situation: Any, _: Any, __: Any) -> int:
    return 0 if situation.request.only is None else policy.all_models


def _by_the_last_rule(patch: pytest.MonkeyPatch) -> None:
    original = Index.effect

    def effect(self: Index, matching: int) -> Any:
        models = len(self.models)
        rules = matching >> models
        last = rules & -rules
        return original(self, matching & (1 << models) - 1 | last << models)

    patch.setattr(Index, "effect", effect)


def _one_effect_for_all(patch: pytest.MonkeyPatch) -> None:
    original = Index.effect
    kept: dict[tuple[int, int], Any] = {}

    def effect(self: Index, matching: int) -> Any:
        return kept.setdefault((id(self), matching.bit_count()), original(self, matching))

    patch.setattr(Index, "effect", effect)


def _open_when_empty(patch: pytest.MonkeyPatch) -> None:
    original: Any = candidates.ordered

    def ordered(*arguments: Any) -> Any:
        return original(*arguments) or original(
            *arguments[:-4], arguments[0].all_models, *arguments[-3:]
        )

    patch.setattr(deciding, "ordered", ordered)


def _remembered_facts(patch: pytest.MonkeyPatch) -> None:
    original = BoxLookup.matching
    kept: dict[tuple[int, Any], int] = {}

    def matching(self: BoxLookup, facts: Any) -> int:
        return kept.setdefault((id(self), facts[6]), original(self, facts))  # by the user alone

    patch.setattr(BoxLookup, "matching", matching)


def _judge_sees_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding, "checks_for", lambda _, task, effect, __: _checks(task, effect))


def _checks(task: Any, effect: Any) -> tuple[Any, tuple[()]]:
    own = () if task is None or task.accept is None else (task.accept,)
    return (*own, *effect.accept), ()


def _judge_is_called_all_the_same(patch: pytest.MonkeyPatch) -> None:
    original = judging.call_judge

    async def call_judge(request: Any, judge: Any, answer: str) -> Any:
        class Unbarred:
            decision = replace(request.decision, barred=())

            def __getattr__(self, name: str) -> Any:
                return getattr(request, name)

        return await original(Unbarred(), judge, answer)

    from policy_router.acceptance import run

    patch.setattr(run, "call_judge", call_judge)


def _estimator_sees_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(estimators, "_may_see", lambda *_: True)


def _only_avoid_keeps_away(patch: pytest.MonkeyPatch) -> None:
    original = disclosure._excluded
    patch.setattr(disclosure, "_excluded", lambda m, part: original(m, replace(part, only=None)))


def _chain_of_the_policy(patch: pytest.MonkeyPatch) -> None:
    """After a broken stream or a failure, every model of the policy is next."""
    original = Chain.__init__

    def begin(self: Chain, own: Any, fallback: Any) -> None:
        known = {candidate.name for candidate in own}
        more = [Candidate(m, "", "") for m in MODELS if m.name not in known]
        original(self, (*own, *more), fallback)

    patch.setattr(Chain, "__init__", begin)


def _larger_context_anywhere(patch: pytest.MonkeyPatch) -> None:
    original = Chain._bigger

    def bigger(self: Chain, remaining: float) -> Any:
        room = self._candidates[self._index].model.context or 0
        more = [Candidate(m, "", "") for m in MODELS if (m.context or 0) > room]
        self._candidates = (*self._candidates, *more)
        return original(self, remaining)

    patch.setattr(Chain, "_bigger", bigger)


def _shadow_is_applied_alone(patch: pytest.MonkeyPatch) -> None:
    original = Index.effect

    def effect(self: Index, matching: int) -> Any:
        found = original(self, matching)
        if len(bits(matching >> len(self.models))) < 2:
            return found
        found = replace(found)
        found.allowed = self.everyone  # what several rules exclude together is forgotten
        return found

    patch.setattr(Index, "effect", effect)


def _cooling_is_the_only_gate(patch: pytest.MonkeyPatch) -> None:
    """Where a model is in cooldown, whatever is not takes its place."""
    original: Any = candidates.ordered

    def ordered(*arguments: Any) -> Any:
        policy, snapshot = arguments[0], arguments[3]
        if not snapshot.cooling:
            return original(*arguments)
        cooling = _named(policy, snapshot.cooling)
        return original(*arguments[:-4], policy.all_models & ~cooling, *arguments[-3:])

    patch.setattr(deciding, "ordered", ordered)


MODELS: list[Any] = []
"""The models of the policy of the run, for defects that look past the decision."""

SEEDED: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "the model of an experiment's arm is added": _allowing(_of_arms),
    "the model of a session is added": _allowing(_of_session),
    "the model that is asked for is added": _allowing(_of_name),
    "the models of an alias are added": _allowing(_of_alias),
    "the `use` of a task grants": _allowing(_of_task),
    "the `first` of a task grants": _allowing(_first_of_task),
    "what was measured to be good is added": _allowing(_measured),
    "a floor brings the models above it": _allowing(_of_heavy_band),
    "a caller's `only` takes the place of the rules'": _allowing(_when_asked_by_tier),
    "only the last rule counts": _by_the_last_rule,
    "sets of rules of one size are taken for one another": _one_effect_for_all,
    "all models where none is left": _open_when_empty,
    "facts are remembered by user": _remembered_facts,
    "the judge is not barred": _judge_sees_all,
    "the barred judge is called": _judge_is_called_all_the_same,
    "the estimator sees everything": _estimator_sees_all,
    "`only` keeps nothing from who is shown": _only_avoid_keeps_away,
    "the chain goes on beyond the candidates": _chain_of_the_policy,
    "a larger context is looked for everywhere": _larger_context_anywhere,
    "several rules exclude nothing": _shadow_is_applied_alone,
    "models in cooldown are replaced by any": _cooling_is_the_only_gate,
}
