"""Renders what would let a model answer a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.assurance.why_not import MOST_CHANGES
from policy_router.decision.blockers import ATTRIBUTE, MOMENT
from policy_router.diagnostics import printable
from policy_router.domain.complexity import Band
from policy_router.domain.rules import Rule
from policy_router.views import decision as decision_view
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from policy_router.assurance.changes import Change
    from policy_router.assurance.why_not import WhyNot
    from policy_router.domain.rules import Task
    from policy_router.views.lines import Block

_COUNTS: Final = {
    "tokens": "input tokens",
    "max_tokens": "output tokens",
    "largest_input": "tokens in the largest input",
}
_DROPPED: Final = (
    "only", "avoid", "min_tier", "max_candidates", "max_cost", "max_price", "max_latency",
    "min_quality", "one_space",
)  # fmt: skip


def as_json(answer: WhyNot, zone: ZoneInfo) -> dict[str, object]:
    """Return what would let a model answer as a JSON document.

    Args:
        answer: What was found.
        zone: The time zone of the policy.
    """
    return {
        "model": answer.model,
        "allowed": not answer.blockers,
        "blockers": [
            {
                "reason": blocker.reason.value,
                "detail": printable(blocker.detail),
                "at": str(blocker.span) if blocker.span else None,
            }
            for blocker in answer.blockers
        ],
        "changes": [
            [
                {
                    "property": printable(change.name),
                    "from": _json_value(change, change.before, zone),
                    "to": _json_value(change, change.after, zone),
                    "or_less": change.at_most,
                    "says": spell_change(change, zone),
                }
                for change in changes
            ]
            for changes in answer.changes
        ],
        "smallest": answer.smallest,
        "doubt": answer.doubt or None,
        "parts": [spell_part(part) for part in answer.parts],
        "parts_suffice": answer.parts_suffice,
        "state": [decision_view.skip_as_json(skip, zone) for skip in answer.state],
    }


def as_lines(answer: WhyNot, zone: ZoneInfo) -> list[Block]:
    """Return what would let a model answer, as lines for a terminal.

    Args:
        answer: What was found.
        zone: The time zone of the policy.
    """
    lines: list[Block] = []
    if len(answer.blockers) > 1:
        lines += ["", [(f"{len(answer.blockers)} reasons keep it out", "bold")]]
        for blocker in answer.blockers:
            at = f" ({blocker.span})" if blocker.span else ""
            lines.append(f"  {printable(blocker.detail)}{at}")
    if answer.blockers:
        lines += ["", [("It may answer the request", "bold")]] if answer.changes else [""]
        for changes in answer.changes:
            said = " and ".join(spell_change(change, zone) for change in changes)
            lines.append(f"  {said}")
        lines += [_claim(answer)]
        lines += _of_parts(answer)
    if answer.state:
        lines += ["", [("Temporary reasons, apart from the policy", "bold")]]
        lines += [f"  {printable(decision_view.skip_detail(skip, zone))}" for skip in answer.state]
    return lines


def _claim(answer: WhyNot) -> str:
    if not answer.changes:
        if answer.doubt:
            return f"No change of the request was found that lets it answer; {answer.doubt}."
        return f"No combination of up to {MOST_CHANGES} changes of the request lets it answer."
    size = len(answer.changes[0])
    changes = f"{size} changes" if size > 1 else "one change"
    if not answer.smallest:
        return f"It takes {changes}; fewer may be enough: {answer.doubt}."
    return f"It takes {changes}; fewer are not enough." if size > 1 else ""


def _of_parts(answer: WhyNot) -> list[Block]:
    if not answer.parts:
        return ["No rule keeps it out."]
    names = " and ".join(dict.fromkeys(spell_part(part) for part in answer.parts))
    if answer.parts_suffice:
        return [f"Or change the policy: without {names} it may answer."]
    return [f"Removing {names} alone would not be enough."]


def spell_part(part: Rule | Task | Band) -> str:
    """Say which part of a policy would have to go."""
    name = printable(part.name)
    if isinstance(part, Rule):
        return f"rule `{name}`"
    kind = "band" if isinstance(part, Band) else "task"
    return f"the requirements of {kind} `{name}`"


def spell_change(change: Change, zone: ZoneInfo) -> str:
    """Say what a change of a request is, as the end of a sentence.

    Args:
        change: The change.
        zone: The time zone of the policy.
    """
    kind, _, member = change.name.partition(":")
    after, before = change.after, change.before
    was = "" if before is None else f" (now {printable(_plain(before))})"
    if change.name in _COUNTS:
        if after is None:
            return f"without a cap on its {_COUNTS[kind]}{was}"
        most = "at most " if change.at_most else ""
        counted = _COUNTS[kind].replace("tokens", "token") if after == 1 else _COUNTS[kind]
        return f"with {most}{after:,} {counted}{was}"
    if kind in ("tags", "detected", "need"):
        noun = {"tags": "tag", "detected": "detected", "need": "a need for"}[kind]
        return f"{'with' if after else 'without'} {noun} `{printable(member)}`"
    if kind in _DROPPED:
        return f"without `{kind}`"
    if kind == MOMENT and isinstance(after, int | float) and isinstance(before, int | float):
        return f"at {spell_time(after, before, zone)}"
    if kind == "model":
        return "without a particular model" if after is None else f"for `{printable(str(after))}`"
    name = member if kind == ATTRIBUTE else kind
    if after is None:
        return f"without `{printable(name)}`{was}"
    return f"with `{printable(name)}` {printable(_plain(after))}{was}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _json_value(change: Change, value: object, zone: ZoneInfo) -> object:
    if change.name == MOMENT and isinstance(value, int | float):
        return iso(value, zone)
    if isinstance(value, frozenset):
        return sorted(printable(str(each)) for each in value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    return printable(str(value))
