"""prompt-helps: a model does significantly better with one prompt than with its usual one.

The calls of one model at one task are compared by the prompt that it got with them: another prompt,
or none, at requests of one form, kind and band. Experiments on prompts give both; so do prompts
with conditions, and there the requests may differ in other ways, which the evidence cannot see.
Where the model mostly gets another prompt, the patch takes it out of the list of that prompt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.outcome import Role
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.language.write.text_edit import TextEdit, apply
from policy_router.language.write.yaml_edit import EditableFile, compiled
from policy_router.suggestions.alike import alike_shares
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.prompts import Prompt
    from policy_router.suggestions.alike import AlikeShares, Counted
    from policy_router.suggestions.observed import Observed

KIND: Final = "prompt-helps"


@dataclass(frozen=True, slots=True)
class _Pair:
    """The calls of one model at one task with a prompt, and with what it mostly gets.

    Attributes:
        task: Name of the task.
        model: Name of the model.
        name: Name of the prompt.
        usual: Name of the prompt that it mostly gets; empty for none.
        counted: The calls with the prompt.
        others: Those with what it mostly gets.
    """

    task: str
    model: str
    name: str
    usual: str
    counted: Counted
    others: Counted

    def shares(self, comparisons: int, least: int) -> AlikeShares | None:
        """How often the calls gave a good answer; None where too few are known."""
        shares = alike_shares(self.counted, self.others, OutcomeCounts.success, comparisons)
        return None if shares is None or shares.samples < least else shares


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each model and task."""
    compared = list(_pairs(observed)) if observed.policy.prompts else []
    least = observed.policy.learning.min_samples
    known = sum(pair.shares(1, least) is not None for pairs in compared for pair in pairs)
    prompts = {each.name: each for each in observed.policy.prompts}
    for pairs in compared:
        better = [
            (pair, shares)
            for pair in pairs
            if (shares := pair.shares(known, least)) is not None and shares.gap.low > 0
        ]
        if better:
            pair, shares = max(better, key=lambda each: each[1].gap.low)
            sentence = f"for task `{pair.task}`, give `{pair.model}` the prompt `{pair.name}`" + (
                f" in place of `{pair.usual}`" if pair.usual else ""
            )
            edits = _edits(observed, pair.model, prompts.get(pair.usual))
            yield Suggestion(KIND, sentence, _evidence(pair, shares), None, edits)


def _pairs(observed: Observed) -> Iterator[list[_Pair]]:
    """The prompts that each model at each task could get, with what it mostly gets."""
    prompts = {each.name: each for each in observed.policy.prompts}
    for task in observed.policy.tasks:
        for model in observed.order(task.name):
            by_prompt = observed.by_prompt(task.name, model, {Role.FIRST})
            calls = {name: total(by_prompt[name].values()).calls for name in by_prompt}
            usual = max(calls, key=lambda name: calls[name], default="")
            yield [
                _Pair(task.name, model, name, usual, counted, by_prompt[usual])
                for name, counted in by_prompt.items()
                if name in prompts and name != usual and model in prompts[name].models
            ]


def _evidence(pair: _Pair, shares: AlikeShares) -> SuggestionEvidence:
    usually = f"with `{pair.usual}`" if pair.usual else "without a prompt"
    text = (
        f"it gave a good answer in {shares.one:.1%} of {shares.one_samples:,} calls with "
        f"`{pair.name}`, in {shares.other:.1%} of {shares.other_samples:,} calls {usually} "
        f"({shares.gap})"
    )
    return SuggestionEvidence(text, shares.samples, shares.gap)


def _edits(observed: Observed, model: str, usual: Prompt | None) -> tuple[TextEdit, ...]:
    """The checked edits that take a model out of a prompt; none where it cannot be written."""
    if usual is None or len(usual.models) == 1:
        return ()
    name = "" if usual.span is None else usual.span.file
    file = EditableFile(name, observed.sources.get(name, ""))
    path = ("prompts", usual.name, "models")
    written = file.data(path)
    if not isinstance(written, list) or written.count(model) != 1:
        return ()
    taken_out = _out_of_brackets if file.is_flow(path) else _line_of
    edit = taken_out(file, path, written.index(model), len(written))
    if edit is None:
        return ()
    changed = compiled(apply((edit,), observed.sources))
    models = tuple(each for each in usual.models if each != model)
    prompts = tuple(
        replace(each, models=models) if each == usual else each for each in observed.policy.prompts
    )
    wanted = replace(observed.policy, prompts=prompts, revision="")
    return (edit,) if changed is not None and replace(changed, revision="") == wanted else ()


def _out_of_brackets(
    file: EditableFile, path: tuple[str, ...], place: int, number: int
) -> TextEdit | None:
    """The edit that takes an entry out of a list in brackets, unless that has a comment."""
    start, stop = file.extent(path)
    if "#" in file.text[start:stop]:
        return None  # it may be about one of the entries
    items = [file.extent((*path, each)) for each in range(number) if each != place]
    kept = ", ".join(file.text[begin:end] for begin, end in items)
    return TextEdit(file.name, start, stop, f"[{kept}]")


def _line_of(
    file: EditableFile, path: tuple[str, ...], place: int, _number: int
) -> TextEdit | None:
    """The edit that deletes the line of an entry, unless a comment may be about it."""
    begin, end = file.extent((*path, place))
    start, stop = begin - file.column(begin), file.end_of_line(end)
    above = file.text[:start].rstrip("\r\n")
    if file.text[end:stop].strip() or above[above.rfind("\n") + 1 :].lstrip().startswith("#"):
        return None
    next_line = stop + len(file.line_end) if stop < len(file.text) else stop
    return TextEdit(file.name, start, next_line, "")
