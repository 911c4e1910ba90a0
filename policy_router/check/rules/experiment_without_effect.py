"""an experiment, or a part of one, that can show nothing

There is nothing to compare where no request is left for the control, where no answer is checked
that could be measured, where no model can have the effort of an arm, or where an earlier experiment
on the same thing gets every request. No result is 100 % certain, so an experiment that waits for it
goes on until its last day; every result is more than 0 % certain. A guard with the wrong sign ends
an arm for being better, and one whose last day is over is decided as if it were not there.

Bad:
    experiments:
      half: { arms: { a: { share: 50%, first: [big] }, b: { share: 50%, first: [local] } } }

Good:
    experiments:
      third: { arms: { a: { share: 33%, first: [big] }, b: { share: 33%, first: [local] } } }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.decision.abilities import REASONING
from policy_router.domain.experiments import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.experiments import Experiment
    from policy_router.language.source import Path

Found = tuple["Path", str, str]

_ALL: Final = 1 - 1e-9
"""Shares are decimals, whose sum may be a little off."""
_MORE_IS_BETTER: Final = frozenset({Measure.SUCCESS, Measure.QUALITY})


def check(subject: Subject) -> Iterator[Diagnostic]:
    for number, experiment in enumerate(subject.policy.experiments):
        for look in (_shares, _measure, _efforts, _confidence, _guards, _dates):
            for path, message, help_ in look(subject, experiment):
                span = subject.draft.places.key(("experiments", experiment.name, *path))
                yield warning("experiment-without-effect", message, span, help_)
        yield from _order(subject, number, experiment)


def _shares(subject: Subject, experiment: Experiment) -> Iterator[Found]:
    if sum(arm.share for arm in experiment.arms) >= _ALL:
        path: Path = ("share",) if _has_one_arm(subject, experiment) else ("arms",)
        message = f"`{experiment.name}` leaves no request for the control, so nothing is compared"
        yield path, message, "lower the shares to less than 100% in total"


def _measure(subject: Subject, experiment: Experiment) -> Iterator[Found]:
    rules, tasks = subject.policy.rules, subject.policy.tasks
    checked = any(rule.accept for rule in rules) or any(task.accept for task in tasks)
    if experiment.measure is Measure.QUALITY and not checked:
        message = f"`{experiment.name}` measures the quality of answers, but no answer is checked"
        yield ("measure",), message, "add `accept` to a task or a rule, or measure `success`"


def _efforts(subject: Subject, experiment: Experiment) -> Iterator[Found]:
    if any(REASONING in model.abilities for model in subject.policy.models):
        return
    for arm in experiment.arms:
        if arm.effort is not None:
            one = _has_one_arm(subject, experiment)
            path: Path = ("effort",) if one else ("arms", arm.name, "effort")
            message = f"no model can reason, so `effort: {arm.effort}` changes nothing"
            yield path, message, "add `reasoning` to the `can` of a model that can"


def _confidence(_: Subject, experiment: Experiment) -> Iterator[Found]:
    confidence = None if experiment.stop is None else experiment.stop.confidence
    path, help_ = ("stop", "confidence"), "write how certain is enough, such as 95%"
    if confidence == 1:
        message = f"no result is ever 100% certain, so this does not stop `{experiment.name}`"
        yield path, message, help_
    elif confidence == 0:
        message = f"every result is certain enough, so this stops `{experiment.name}` at once"
        yield path, message, help_


def _guards(_: Subject, experiment: Experiment) -> Iterator[Found]:
    guards = {} if experiment.stop is None else experiment.stop.guard
    for measure, change in guards.items():
        more_is_better = measure in _MORE_IS_BETTER
        if change > 0 if more_is_better else change < 0:
            sign = "-" if more_is_better else "+"
            better = "higher" if more_is_better else "lower"
            yield (
                ("stop", "guard", measure.value),
                f"the guard ends an arm even when its {measure} is {better} than the control's",
                f"did you mean `{sign}{100 * abs(change):.6g}%`?",
            )


def _dates(subject: Subject, experiment: Experiment) -> Iterator[Found]:
    until = experiment.until
    if until is not None and until < subject.today:
        message = f"`{experiment.name}` was over on {until.isoformat()}"
        yield ("until",), message, "remove it, or write a later day; `experiments` shows its result"


def _order(subject: Subject, number: int, experiment: Experiment) -> Iterator[Diagnostic]:
    """Report an experiment that an earlier one leaves no request."""
    for earlier in subject.policy.experiments[:number]:
        shared = earlier.acts_on & experiment.acts_on
        if not shared or not _is_about_all(earlier, experiment):
            continue
        things = " and ".join(f"`{thing}`" for thing in sorted(shared))
        related = () if earlier.span is None else (("the earlier one", earlier.span),)
        yield warning(
            "experiment-without-effect",
            f"`{experiment.name}` gets no request while `{earlier.name}` goes on, which comes "
            f"first and changes {things} too",
            experiment.span,
            "give them conditions that do not overlap, or make them arms of one experiment",
            *related,
        )
        return


def _has_one_arm(subject: Subject, experiment: Experiment) -> bool:
    """Whether an experiment is written without `arms`."""
    shapes = subject.draft.document.experiments or {}
    return shapes[experiment.name].arms is None


def _is_about_all(earlier: Experiment, experiment: Experiment) -> bool:
    """Whether an experiment is about every request that another one is about, by its text."""
    return earlier.when is None or (
        experiment.when is not None and earlier.when.text == experiment.when.text
    )
